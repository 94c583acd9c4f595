"""A reactor: what is to be done outside, in mails and payments, when events happen."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, Never, TypeAlias, TypeVar
from uuid import UUID, uuid5

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.projections.partitions import check_partitions
from backstory.projections.places import place_of
from backstory.projections.policy import OnFailure, Retry, Stop
from backstory.projections.projection import check_name

E = TypeVar("E")

Reaction: TypeAlias = Callable[[E, RecordedEvent, UUID], Awaitable[None]]
"""Takes a typed event, its record and the idempotency key, and does something outside."""

_NO_HANDLERS: Final[Mapping[type, Reaction[Never]]] = MappingProxyType({})
_PATIENT: Final = Retry(attempts=20, first_delay=0.1, max_delay=60.0)


class Reactor:
    """What does things outside (mail, payment) when events happen; it never runs in a replay.

    A handler is an async function of the event, its record and an idempotency key:

        welcome = Reactor("welcome-mail")

        @welcome.on(UserCreated)
        async def created(event, recorded, key):
            await mail.send(event.email, "Welcome!", idempotency_key=str(key))

    It is called at least once for each event, in order within a stream. The checkpoint moves after
    the call has returned, so after a crash the event under way, one in each partition, comes again,
    with the same key: a UUID made of the reactor's name and the event's id. Pass it on to whatever
    can tell a repetition by it.

    A reactor begins with what happens after it was started first, so that a new one does not write
    to the users of ten years; with `from_beginning` it begins with the first event. It has to do
    with the present alone: no rebuild, replay or time machine ever calls it.

    `partitions`, `on_failure` and `retry` are those of a projection, but here a handler that raises
    is tried again, by default for about ten minutes. Meanwhile its partition waits.

    Raises `InvalidInput` as `Projection` does, and for a handler that is not async.
    """

    def __init__(
        self,
        name: str,
        handlers: Mapping[type, Reaction[Never]] = _NO_HANDLERS,
        *,
        from_beginning: bool = False,
        partitions: int = 1,
        on_failure: OnFailure = Stop(),
        retry: Retry = _PATIENT,
    ) -> None:
        """Name the reactor; it may be given *handlers* by the type of event, or with `on`."""
        self.name: str = check_name(name)
        self.from_beginning = from_beginning
        self.partitions: int = check_partitions(partitions)
        self.on_failure = on_failure
        self.retry = retry
        self._handlers: dict[type, Reaction[Never]] = {}
        for event, handler in handlers.items():
            self._register(event, handler)

    def __repr__(self) -> str:
        """Return the name as users wrote it."""
        return f"Reactor({self.name!r})"

    @property
    def handlers(self) -> Mapping[type, Reaction[Never]]:
        """Return the handler of each Python type of event."""
        return self._handlers

    def on(self, event: type[E]) -> Callable[[Reaction[E]], Reaction[E]]:
        """Register the decorated async function as the handler of *event*."""

        def register(function: Reaction[E]) -> Reaction[E]:
            self._register(event, function)
            return function

        return register

    def key_of(self, event_id: UUID) -> UUID:
        """Return the idempotency key of this reactor for an event: the same every time."""
        return uuid5(event_id, self.name)

    def _register(self, event: type, function: Reaction[Never]) -> None:
        called: object = getattr(function, "__call__", None)  # noqa: B004 - an object may be async, too
        if not inspect.iscoroutinefunction(function) and not inspect.iscoroutinefunction(called):
            message = f"{function!r} is not async; the handler of a reactor is an async function"
            raise InvalidInput(message)
        if event in self._handlers:
            there = place_of(self._handlers[event])
            message = f"{self!r} has a handler for {event.__name__} already: {there}"
            raise InvalidInput(message)
        self._handlers[event] = function

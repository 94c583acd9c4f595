"""A projection: which events it follows, what it writes, and into which tables."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, TypeVar, cast, overload

import msgspec
from sqlalchemy import Connection, Executable, Table

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.projections.fingerprint import fingerprint_of
from backstory.projections.partitions import check_partitions
from backstory.projections.places import place_of
from backstory.projections.policy import OnFailure, Retry, Stop

E = TypeVar("E")
F = TypeVar("F", bound=Callable[..., object])

Parameters: TypeAlias = Mapping[str, object]
Write: TypeAlias = Executable | tuple[Executable, Parameters]
"""One write: a SQLAlchemy statement, or a statement and its parameters."""

WritingHandler: TypeAlias = Callable[[E, RecordedEvent], Iterable[Write]]
"""Takes an event and its record and yields what to write; pure."""

ReadingHandler: TypeAlias = Callable[[E, RecordedEvent, Connection], None]
"""Takes the connection too, for a handler that must read before it writes."""

MAX_NAME = 200


def check_name(name: str) -> str:
    """Return *name*; raises `InvalidInput` when no projection or reactor can be called so."""
    if not name.strip() or len(name) > MAX_NAME:
        message = f"a projection's name has 1 to {MAX_NAME} characters, not {name!r}"
        raise InvalidInput(message)
    return name


class Handler(msgspec.Struct, frozen=True):
    """A handler as it was registered: its function, and whether it takes the connection."""

    function: Callable[..., Iterable[Write] | None]
    reads: bool

    @property
    def place(self) -> str:
        """Return file, line and name of the function, for messages."""
        return place_of(self.function)


class Projection:
    """What keeps some tables in step with some events.

    A handler is a pure function of the event and its record: it reads no clock, no random number
    and no network (`recorded.recorded_at` is the time), because a rebuild runs it again and must
    write the same. Hold statements in module constants and give values as parameters: such a
    handler is the fastest.

        users = Projection("users", tables=[user_table])

        @users.on(UserCreated)
        def created(event, recorded):
            yield insert_user, {"username": event.username, "full_name": event.full_name}

    With several `partitions`, as many workers can apply events at once, in one process or in many.
    The events of a stream are always applied in order; streams of different partitions are not put
    in order, so handlers of one partition must not need what those of another have written.

    Raises `InvalidInput` for a name that is empty or longer than 200 characters, and for a number
    of partitions that is not from 1 to 1,024.
    """

    def __init__(
        self,
        name: str,
        *,
        tables: Sequence[Table],
        partitions: int = 1,
        on_failure: OnFailure = Stop(),
        retry: Retry = Retry(),
    ) -> None:
        """Name the projection and the *tables* only it writes.

        *on_failure* decides on an event that cannot be applied, *retry* on a read model that
        cannot be reached; a worker may be told otherwise.
        """
        self.name: str = check_name(name)
        self.tables: tuple[Table, ...] = tuple(tables)
        self.partitions: int = check_partitions(partitions)
        self.on_failure = on_failure
        self.retry = retry
        self._handlers: dict[type, Handler] = {}

    def __repr__(self) -> str:
        """Return the name as users wrote it."""
        return f"Projection({self.name!r})"

    @property
    def handlers(self) -> Mapping[type, Handler]:
        """Return the handler of each Python type of event."""
        return self._handlers

    @overload
    def on(
        self, event: type[E], *, reads: Literal[False] = False
    ) -> Callable[[WritingHandler[E]], WritingHandler[E]]: ...
    @overload
    def on(
        self, event: type[E], *, reads: Literal[True]
    ) -> Callable[[ReadingHandler[E]], ReadingHandler[E]]: ...
    def on(self, event: type[E], *, reads: bool = False) -> Callable[[F], F]:
        """Register the decorated function as the handler of *event*.

        With `reads=True` it is called with the connection of the batch's transaction, after all
        writes of earlier events, and writes through it. Raises `InvalidInput` when the type has a
        handler already or the function is `async`.
        """

        def register(function: F) -> F:
            self._register(event, function, reads=reads)
            return function

        return register

    def _register(self, event: type, function: Callable[..., object], *, reads: bool) -> None:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            message = f"{function.__name__} is async; a handler is a plain function"
            raise InvalidInput(message)
        if event in self._handlers:
            there = self._handlers[event].place
            message = f"{self!r} has a handler for {event.__name__} already: {there}"
            raise InvalidInput(message)
        typed = cast("Callable[..., Iterable[Write] | None]", function)
        self._handlers[event] = Handler(typed, reads)

    @property
    def fingerprint(self) -> str:
        """Return a hash of what decides the rows: name, tables and the handlers' code.

        It changes when a table, a handler or a statement, constant, class or function of the user's
        that a handler reaches changes, and not when comments, docstrings of functions or line
        breaks do. Not covered: what is reached through attributes of objects of no class that is
        named, and other packages.
        """
        functions = {
            event.__qualname__: handler.function for event, handler in self._handlers.items()
        }
        return fingerprint_of(self.name, self.tables, functions)

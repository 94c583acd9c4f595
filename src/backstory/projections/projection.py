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


class Handler(msgspec.Struct, frozen=True):
    """A handler as it was registered: its function, and whether it takes the connection."""

    function: Callable[..., Iterable[Write] | None]
    reads: bool

    @property
    def place(self) -> str:
        """Return file, line and name of the function, for messages."""
        code = inspect.unwrap(self.function).__code__
        return f"{code.co_filename}:{code.co_firstlineno} ({code.co_name})"


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

    Raises `InvalidInput` for a name that is empty or longer than 200 characters.
    """

    def __init__(self, name: str, *, tables: Sequence[Table]) -> None:
        """Name the projection and the *tables* only it writes."""
        if not name.strip() or len(name) > MAX_NAME:
            message = f"a projection's name has 1 to {MAX_NAME} characters, not {name!r}"
            raise InvalidInput(message)
        self.name = name
        self.tables: tuple[Table, ...] = tuple(tables)
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

        It changes when a table, a handler or a statement, constant or function of the user's that
        a handler names changes, and not when comments, docstrings or line breaks do. Not covered:
        what is reached through attributes, closures and other packages.
        """
        functions = {
            event.__qualname__: handler.function for event, handler in self._handlers.items()
        }
        return fingerprint_of(self.name, self.tables, functions)

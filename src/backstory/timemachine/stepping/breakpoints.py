"""Breakpoints: what makes a run through a history stop.

    Breakpoint.on_type("user-renamed")                        an event of this type
    Breakpoint.on_stream("user-donald-le")                    an event of this stream; "user-d*"
    Breakpoint.on_category("user")                            an event of a stream of this category
    Breakpoint.on_column(user_table, "fullName",              this column of these rows is another
                         where={"username": "donald-le"})
    Breakpoint.on_state("user-donald-le", "full_name")        this part of a state is another
    Breakpoint.on_failure()                                   a handler or a fold failed
    Breakpoint.when(lambda step: len(step.changes) > 100)     whatever else

The first three need only the event, and the state only the events of its stream; so a run goes
straight to the next event that may hit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec
from sqlalchemy import Table

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.core.names import category_of
from backstory.core.read import Read
from backstory.timemachine.diffing.paths import MISSING, steps_of, value_at
from backstory.timemachine.diffing.values import diff_values
from backstory.timemachine.states import State
from backstory.timemachine.stepping.journal import RowChange
from backstory.timemachine.stepping.stepper import Step

Test: TypeAlias = Callable[[Step], bool]

_ALL_ROWS: Final[Mapping[str, object]] = MappingProxyType({})
_GLOB: Final = frozenset("*?[")


class Breakpoint(msgspec.Struct, frozen=True):
    """A condition on steps, and the words that say it to people.

    Only events that `among` reads, and of which `may_hit` says so, can meet it; None: any event.
    """

    words: str
    hits: Test
    among: Read | None = None
    may_hit: Callable[[RecordedEvent], bool] | None = None

    @classmethod
    def on_type(cls, name: str) -> Breakpoint:
        """Stop at an event that is stored as of type *name*, which may hold `*` and `?`."""
        words = f"type {name}"
        if _is_glob(name):
            return _on_events(words, Read(), lambda event: fnmatchcase(event.type, name))
        return _on_events(words, Read(types=(name,)))

    @classmethod
    def on_stream(cls, name: str) -> Breakpoint:
        """Stop at an event of the stream *name*, which may hold `*` and `?`."""
        words = f"stream {name}"
        if not _is_glob(name):
            return _on_events(words, Read(stream=name))
        category, dash, _ = name.partition("-")
        in_one = bool(dash) and not _is_glob(category)
        among = Read(category=category) if in_one else Read()
        return _on_events(words, among, lambda event: fnmatchcase(event.stream, name))

    @classmethod
    def on_category(cls, name: str) -> Breakpoint:
        """Stop at an event of a stream of the category *name*; raises `InvalidInput` for none."""
        if category_of(name) != name:
            message = f"a category ends at the first '-', so {name!r} is none; is it a stream?"
            raise InvalidInput(message)
        return _on_events(f"category {name}", Read(category=name))

    @classmethod
    def on_column(
        cls, table: Table, column: str | None = None, *, where: Mapping[str, object] = _ALL_ROWS
    ) -> Breakpoint:
        """Stop where *column* of a row of *table* is another than before, any column when None.

        *where* names the rows by the values of other columns, as they were or as they became. A
        value matches that is equal or, given as a text, reads the same. A row that comes or goes
        counts as well. Raises `InvalidInput` for a column that is not there.
        """
        known = [each.name for each in table.columns]
        for name in (*([] if column is None else [column]), *where):
            if name not in known:
                message = f"table {table.name!r} has no column {name!r}; it has {', '.join(known)}"
                raise InvalidInput(message)
        conditions = " and ".join(f"{name}={value}" for name, value in where.items())
        words = f"path {table.name}" + (f".{column}" if column else "")

        def changed(change: RowChange) -> bool:
            rows = [row for row in (change.before, change.after) if row is not None]
            return (
                change.table == table.name
                and (bool(change.columns) if column is None else column in change.columns)
                and any(_matches(row, where) for row in rows)
            )

        return cls(
            f"{words} where {conditions}" if where else words,
            lambda step: any(map(changed, step.changes)),
        )

    @classmethod
    def on_state(cls, stream: str, path: str = "") -> Breakpoint:
        """Stop where what is at *path* of the state of *stream* is another than before.

        A path is written `items[2].price`; the empty one is the whole state. Raises `InvalidInput`
        when it is none.
        """
        steps = steps_of(path)

        def changed(step: Step) -> bool:
            if step.event.stream != stream or step.before is None:
                return False
            before, after = (_value(state) for state in (step.before, step.after))
            return not _same(value_at(before, steps), value_at(after, steps))

        words = f"path {stream}:{path}"
        return cls(words, changed, Read(stream=stream))

    @classmethod
    def on_failure(cls) -> Breakpoint:
        """Stop at an event at which a handler or the fold of its stream's state failed."""
        return cls("failure", lambda step: step.failed)

    @classmethod
    def when(cls, test: Test, words: str = "where") -> Breakpoint:
        """Stop where *test* says so; *words* say it to people. What it raises passes through."""
        return cls(words, test)


def _on_events(
    words: str, among: Read, fits: Callable[[RecordedEvent], bool] | None = None
) -> Breakpoint:
    def hits(step: Step) -> bool:
        return _holds(among, step.event) and (fits is None or fits(step.event))

    return Breakpoint(words, hits, among, fits)


def _holds(among: Read, event: RecordedEvent) -> bool:
    return (
        (among.stream is None or among.stream == event.stream)
        and (among.category is None or among.category == event.category)
        and (not among.types or event.type in among.types)
    )


def _is_glob(name: str) -> bool:
    return not _GLOB.isdisjoint(name)


def _matches(row: Mapping[str, object], where: Mapping[str, object]) -> bool:
    return all(
        row[name] == value or (isinstance(value, str) and str(row[name]) == value)
        for name, value in where.items()
    )


def _value(state: State | None) -> object:
    return MISSING if state is None else state.value


def _same(before: object, after: object) -> bool:
    if before is MISSING or after is MISSING:
        return before is after
    return not diff_values(before, after)

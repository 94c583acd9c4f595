"""The trail of one row, from what it is now back to where each of its values is from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from backstory.core.events import RecordedEvent
from backstory.timemachine.blaming.places import Place
from backstory.timemachine.blaming.tracing import Touch, Write
from backstory.timemachine.blaming.watching import Entry, Identity
from backstory.timemachine.stepping.journal import Kind

Values = Mapping[str, object] | None


class Blame(msgspec.Struct, frozen=True):
    """The event, and the line of a handler, that changed a column of a row.

    `places` are the lines that ran when it was written: the handler's first, then those of
    functions it had called; none where the handler is no Python that can be looked at. `handler` is
    where the handler begins. `row_before` and `row_after` are the whole row, None where it was not
    there; `before` and `after` are the column's value in them.
    """

    column: str
    event: RecordedEvent
    projection: str
    handler: Place | None
    places: Sequence[Place]
    row_before: Values
    row_after: Values

    @property
    def kind(self) -> Kind:
        """Return what happened to the row."""
        if self.row_before is None:
            return Kind.INSERTED
        return Kind.DELETED if self.row_after is None else Kind.UPDATED

    @property
    def before(self) -> object:
        """Return the value before, None without a row."""
        return None if self.row_before is None else self.row_before[self.column]

    @property
    def after(self) -> object:
        """Return the value after, None without a row."""
        return None if self.row_after is None else self.row_after[self.column]

    @property
    def place(self) -> Place | None:
        """Return the line that made the write, or else where the handler begins."""
        return self.places[-1] if self.places else self.handler


class Trail:
    """Follows one row back through what touched it, for some of its columns."""

    def __init__(self, columns: Sequence[str], *, every: bool) -> None:
        """Look for the last change of each of *columns*, or for *every* one."""
        self._every = every
        self._open = list(columns)
        self.identity: Identity = {}
        """What names the row where the trail has come to."""
        self.found: list[Blame] = []
        """The changes that were found, newest first."""

    @property
    def open(self) -> Sequence[str]:
        """Return the columns for which something is still looked for."""
        return self._open

    def turn_to(self, columns: Sequence[str]) -> None:
        """Look for changes of *columns* in place of those that were asked for."""
        self._open = list(columns)

    def follow(self, touches: Sequence[Touch]) -> int | None:
        """Go back through *touches*, oldest first; return where the row came into sight, if it did.

        Before that position the row was not watched, so what touched it must be looked for anew,
        by the `identity` that it had.
        """
        for touch in reversed(touches):
            if not self._open:
                return None
            life = _life(touch, self.identity)
            if life is None:
                continue
            self._blame(touch, life)
            if life.before is not None:
                self.identity = life.came_from
                if not life.was_watched:
                    return touch.event.position
        return None

    def _blame(self, touch: Touch, life: _Life) -> None:
        for column in list(self._open):
            if not _differs(column, life.before, life.after):
                continue
            write = next(
                write for write, before, after in life.writes if _differs(column, before, after)
            )
            blame = Blame(
                column,
                touch.event,
                touch.projection,
                touch.handler,
                write.places,
                life.before,
                life.after,
            )
            self.found.append(blame)
            if not self._every:
                self._open.remove(column)


class _Life(msgspec.Struct):
    """What one event did to one row; `writes` are those that did it, the last one first."""

    before: Values
    after: Values
    came_from: Identity
    was_watched: bool
    writes: list[tuple[Write, Values, Values]]


def _differs(column: str, before: Values, after: Values) -> bool:
    if before is None or after is None:
        return before is not after
    return before[column] != after[column]


def _life(touch: Touch, identity: Identity) -> _Life | None:
    """Return what *touch* did to the row that *identity* names after it; None for nothing."""
    life: _Life | None = None
    for write, entry in _backwards(touch):
        if not _concerns(entry, life, identity):
            continue
        if life is None:
            life = _Life(None, entry.after, identity, True, [])  # noqa: FBT003 - a field, in order
        if life.writes and life.writes[-1][0] is write:
            life.writes[-1] = (write, entry.before, life.writes[-1][2])
        else:
            life.writes.append((write, entry.before, entry.after))
        life.before = entry.before
        if entry.came_from is not None:
            life.came_from, life.was_watched = entry.came_from, entry.was_watched
    return life


def _backwards(touch: Touch) -> Iterator[tuple[Write, Entry]]:
    for write in reversed(touch.writes):
        for entry in reversed(write.entries):
            yield write, entry


def _concerns(entry: Entry, life: _Life | None, identity: Identity) -> bool:
    """Say whether *entry* is about the row, which was there or not when it ended."""
    if life is not None:
        identity = life.came_from
    removed = entry.kind is Kind.DELETED and entry.came_from == identity
    if life is None:
        return removed or entry.went_to == identity
    return removed if life.before is None else entry.went_to == identity

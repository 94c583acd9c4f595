"""Listing what a store holds: its streams, categories and types, by name, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec

from backstory.core.clock import from_microseconds
from backstory.core.read import Read


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Which names to list: those that begin with `prefix`, behind `after`, in order of their UTF-8.

    Creating one raises `InvalidRead` for names that are no text and limits no read could have.
    """

    prefix: str = ""
    after: str | None = None
    limit: int = 1_000

    def __post_init__(self) -> None:
        """Refuse what no store could answer."""
        Read(stream=self.prefix, limit=self.limit)
        Read(stream=self.after)


class StreamEnds(msgspec.Struct, frozen=True):
    """A stream by its oldest and newest event that are still stored.

    `revision`, `position` and `recorded_us` are those of the newest. A stream that was ended has
    `TOMBSTONE_REVISION`.
    """

    stream: str
    first_revision: int
    revision: int
    position: int
    recorded_us: int

    @property
    def recorded_at(self) -> datetime:
        """Return when the newest event was recorded: aware, UTC."""
        return from_microseconds(self.recorded_us)


class NameEnds(msgspec.Struct, frozen=True):
    """A category or an event type, and the positions of its oldest and newest event."""

    name: str
    first_position: int
    last_position: int


@runtime_checkable
class Listing(Protocol):
    """The power to list what is there (`Power.LISTED`), along an index: never the whole log."""

    async def streams(self, names: Names) -> Sequence[StreamEnds]:
        """Return one page of the streams; fewer than `names.limit` says that nothing is left."""
        ...

    async def categories(self, names: Names) -> Sequence[NameEnds]:
        """Return one page of the categories; fewer than `names.limit` says that nothing is left."""
        ...

    async def types(self, names: Names) -> Sequence[NameEnds]:
        """Return one page of the event types; fewer than `names.limit` says nothing is left."""
        ...

"""Indexes of `$all`: `$idx-all`, `$idx-ce-…`, `$idx-et-…`, each named by one prefix of streams.

KurrentDB 25.1 and later keep these as files; a store of ours has its own indexes of categories and
types, so nothing is kept for them. Events of system streams are in none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.server.failures import index_not_found, invalid_argument

INDEX: Final = "$idx-"
_ALL: Final = "$idx-all"
_CATEGORY: Final = "$idx-ce-"
_TYPE: Final = "$idx-et-"
_SYSTEM: Final = "$"


class Index(msgspec.Struct, frozen=True):
    """The events of one category, of one type, or all that clients wrote."""

    category: str | None = None
    type: str | None = None

    @property
    def query(self) -> Read:
        """Return the read that finds its events; with those of system streams."""
        return Read(category=self.category, types=() if self.type is None else (self.type,))

    def holds(self, event: RecordedEvent) -> bool:
        """Return whether *event* is in the index."""
        return (
            not event.stream.startswith(_SYSTEM)
            and self.category in {None, event.category}
            and self.type in {None, event.type}
        )


def index_named(prefixes: Sequence[str]) -> Index | None:
    """Return the index that a filter by stream names, None when it names none.

    Raises `Failure` for an index that is not there, and for an index beside another prefix.
    """
    if not any(prefix.startswith(INDEX) for prefix in prefixes):
        return None
    if len(prefixes) > 1:
        text = "an index is read by itself: give one prefix of streams"
        raise invalid_argument(text)
    [name] = prefixes
    if name == _ALL:
        return Index()
    if name.startswith(_CATEGORY) and name != _CATEGORY:
        return Index(category=name.removeprefix(_CATEGORY))
    if name.startswith(_TYPE) and name != _TYPE:
        return Index(type=name.removeprefix(_TYPE))
    raise index_not_found(name)

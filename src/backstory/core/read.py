"""A read is one frozen value, so adding a filter never changes a store's signature."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from backstory.core.errors import InvalidRead
from backstory.core.names import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from backstory.core.events import RecordedEvent

MAX_LIMIT: Final = 10_000
"""Most events one read may ask for."""

MAX_TYPES: Final = 100
"""Most event types one read may name."""

MAX_PAGE_BYTES: Final = 32 * 1024 * 1024
"""A page stops growing at about this many bytes of payload, whatever its limit."""


_TOO_LARGE = 1 << 63


class Direction(Enum):
    """Which way a read goes through the log."""

    FORWARDS = "forwards"
    BACKWARDS = "backwards"


FORWARDS: Final = Direction.FORWARDS
BACKWARDS: Final = Direction.BACKWARDS


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What to read: a stream, a category or (neither named) everything; one page of it.

    `after` and `before` are exclusive bounds: revisions when a stream is read, positions otherwise.
    `until` is an inclusive bound and always a position: only what was recorded up to then.
    `types` keeps events of these types alone; empty keeps all.

    A page of very large events is cut at about `MAX_PAGE_BYTES` although more follow. Any other
    page that holds fewer events than `limit` ends at the end of what there was; see `is_last`.

    Creating one raises `InvalidRead` when it names both a stream and a category, when a name is no
    text, when a bound is no 64-bit integer, when `limit` is not from 1 to `MAX_LIMIT`, or with over
    `MAX_TYPES` types.
    """

    stream: str | None = None
    category: str | None = None
    types: tuple[str, ...] = ()
    after: int | None = None
    before: int | None = None
    until: int | None = None
    direction: Direction = FORWARDS
    limit: int = 1_000

    def __post_init__(self) -> None:
        """Refuse what no store could answer."""
        # Most reads name one stream and no bounds; what is not set costs next to nothing here.
        if self.stream is not None or self.category is not None:
            _check_names(self.stream, self.category)
        if not self.after is self.before is self.until is None:
            _check_bounds(after=self.after, before=self.before, until=self.until)
        if type(self.limit) is not int or not 1 <= self.limit <= MAX_LIMIT:
            _check_limit(self.limit)
        if self.types != ():
            _check_types(self.types)
        if self.direction is not FORWARDS:
            _check_direction(self.direction)

    def resume(self, bound: int) -> Read:
        """Return the read that goes on behind *bound*, the key of the last event seen.

        The key is the event's revision when a stream is read, its position otherwise.
        """
        if self.direction is FORWARDS:
            return msgspec.structs.replace(self, after=bound)
        return msgspec.structs.replace(self, before=bound)

    def is_last(self, page: Sequence[RecordedEvent]) -> bool:
        """Tell whether *page*, an answer to this read, left nothing behind when it was read."""
        if not page:
            return True
        if len(page) >= self.limit:
            return False
        # A page is cut at the event that reaches the bound or at the one that would pass it.
        size = sum([len(event.data) + len(event.metadata) for event in page])
        return size < MAX_PAGE_BYTES - MAX_EVENT_BYTES


def _check_names(stream: object, category: object) -> None:
    if stream is not None and category is not None:
        message = "a read names a stream or a category, not both"
        raise InvalidRead(message)
    for what, name in (("stream", stream), ("category", category)):
        if name is not None and not isinstance(name, str):
            message = f"{what} is text, not {name!r}"
            raise InvalidRead(message)


def _check_bounds(**bounds: object) -> None:
    for name, bound in bounds.items():
        if bound is not None:
            _check_integer(name, bound)


def _check_limit(limit: int) -> None:
    _check_integer("limit", limit)
    if not 1 <= limit <= MAX_LIMIT:
        message = f"limit is from 1 to {MAX_LIMIT:,}, not {limit:,}; read page by page"
        raise InvalidRead(message)


def _check_integer(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{name} is an integer, not {value!r}"
        raise InvalidRead(message)
    if not -_TOO_LARGE <= value < _TOO_LARGE:
        message = f"{name} is a 64-bit integer; {value:#x} is larger than any position"
        raise InvalidRead(message)


def _check_types(types: object) -> None:
    if not isinstance(types, tuple) or not all(isinstance(name, str) for name in types):
        message = "types is a tuple of event types, such as ('user-created',)"
        raise InvalidRead(message)
    if len(types) > MAX_TYPES:
        message = f"a read names at most {MAX_TYPES} types, not {len(types)}"
        raise InvalidRead(message)


def _check_direction(direction: object) -> None:
    if not isinstance(direction, Direction):
        message = f"direction is FORWARDS or BACKWARDS, not {direction!r}"
        raise InvalidRead(message)

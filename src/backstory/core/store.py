"""The protocol every event store speaks, and the powers a store may have beyond it.

What each promise means is proved by the suite in `backstory.testing.contract`, on every store.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Sequence
from enum import Enum
from typing import Final, Protocol, runtime_checkable
from uuid import UUID

import msgspec

from backstory.core.appending import StreamAppend
from backstory.core.errors import InvalidRead, PowerMissing
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected
from backstory.core.read import Read

MAX_WORDS: Final = 32
"""Most words that one search may look for."""


class EventStore(Protocol):
    """Append-only streams in one gapless global order.

    Every method may be awaited by many tasks of one event loop at once. After `close` each raises
    `StoreClosed`. A store that cannot be reached or written raises `StoreUnavailable`.
    """

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Add *events* to *stream*, all or none, and answer where the last one stands.

        When this returns, the events are durable (on stores that keep events) and visible to every
        reader. Positions follow one another without a gap and are visible in order: whoever has
        seen position *n* never finds a new event at or below *n*. All events of one append get the
        same `recorded_at`, which is never earlier than that of any position before.

        Repeating an append whose events are stored already (same ids, same place) writes nothing
        and answers the original result. Under `ANY` and `STREAM_EXISTS` "the same place" is the
        stream; otherwise it is the revisions the append would have written.

        Raises `WrongExpectedRevision` when the stream is not as *expected*, `InvalidInput` for
        names, events or sizes no store takes (also for no events, and one id twice), `StoreFull`,
        `StoreBusy` and other `StoreUnavailable` when nothing was written, and `OutcomeUnknown` when
        it cannot be known. A cancelled append may still be stored: its outcome is unknown, too.
        """
        ...

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page of *query*, in its direction; an empty page says that nothing is left.

        A stream, category or type that does not exist reads as empty. A page never holds more than
        `query.limit` events, and holds fewer only when nothing was left or when its payload comes
        near `MAX_PAGE_BYTES` (`Read.is_last` tells). Not promised: one snapshot across pages;
        though what was read once never changes.
        """
        ...

    async def head(self) -> int:
        """Return the position of the newest event, 0 when there is none."""
        ...

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - part of the promise
        """Return the head as soon as it is beyond *position*, or after *timeout* seconds.

        May return early with a head that is not beyond. Waiting costs no growing memory.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of every resource; closing twice is allowed."""
        ...


class Power(Enum):
    """What a store can do beyond the protocol; `backstory.stores.POWERS` lists who has which."""

    DURABLE = "keeps events across restarts and kill -9"
    SHARED = "may be used by several processes at once"
    VERIFIABLE = "can check all it holds"
    SEVERAL = "appends to several streams, all or none"
    SEARCHABLE = "finds events by id and by words in their metadata"
    LISTED = "lists its streams, categories and types by name"
    RETAINING = "ends streams for good, and erases what nobody may read any more"


class Fault(msgspec.Struct, frozen=True):
    """Something wrong in a store: which rule is broken (`kind`), where, and in which way."""

    kind: str
    place: str
    message: str


@runtime_checkable
class Verifying(Protocol):
    """The power to check everything a store holds (`Power.VERIFIABLE`)."""

    def verify(self) -> AsyncIterator[Fault | int]:
        """Yield each fault found and, now and then, the position checked so far.

        Checks that positions and revisions have no gap, that time never runs backwards, that ids
        are UUIDs, that payloads are JSON, that what is indexed agrees with what is stored, and
        whatever the medium itself can check. Reads only; memory stays bounded.
        """
        ...


@runtime_checkable
class AppendingSeveral(Protocol):
    """The power to append to several streams at once (`Power.SEVERAL`)."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to several streams, all or none, and answer for each what `append` would.

        What `append` promises holds for all of them together: they take contiguous positions, part
        after part in the order given, have one `recorded_at`, become durable and visible at once.

        A part that repeats an earlier append, by the rule of `append`, writes nothing and answers
        the original; the other parts are written. So an append to several streams may be repeated
        as a whole.

        Raises as `append` does: `WrongExpectedRevision` for the first part whose stream is not as
        it expects, with nothing written to any stream; `InvalidInput` also for no parts and for a
        stream named twice. The limits of one append bound all parts together.
        """
        ...


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for: one of `words`, in metadata as it was written, within the log.

    The bounds are positions: behind `after`, up to and with `until`. With `newest_first` the page
    begins at the upper end. Creating one raises `InvalidRead` for no words, an empty one, more than
    `MAX_WORDS`, and bounds and limits that no read could have.
    """

    words: tuple[str, ...]
    after: int = 0
    until: int
    newest_first: bool = False
    limit: int = 1_000

    def __post_init__(self) -> None:
        """Refuse what no store could answer."""
        Read(after=self.after, until=self.until, limit=self.limit)
        if not 1 <= len(self.words) <= MAX_WORDS or not all(self.words):
            message = f"a search names 1 to {MAX_WORDS} words, none of them empty"
            raise InvalidRead(message)


@runtime_checkable
class Searching(Protocol):
    """The power to find events by what they carry (`Power.SEARCHABLE`), where they are stored."""

    async def find(self, id: UUID) -> RecordedEvent | None:  # noqa: A002 - our word for it
        """Return the event with this id, None when there is none.

        An id may stand in several streams; then it is the one with the lowest position.
        """
        ...

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Return one page of the events whose metadata hold one of the words.

        Letters count as they are: a word that JSON has to write otherwise is not found. Pages are
        cut as those of `EventStore.read` are. Only what is found is sent; all that lies between the
        bounds is looked at, which may take about a second for a million events.
        """
        ...


async def append_several(store: EventStore, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
    """Append to several streams of *store*, all or none; see `AppendingSeveral.append_several`.

    Raises `PowerMissing` when the store has no such power.
    """
    if not isinstance(store, AppendingSeveral):
        raise power_missing(store, Power.SEVERAL)
    return await store.append_several(appends)


def power_missing(store: EventStore, power: Power) -> PowerMissing:
    """Return the error of a *store* without *power*; it names the store that others observe."""
    return PowerMissing(store=type(inspect.unwrap(store)).__name__, power=power.value)  # type: ignore[arg-type]  # any object may be wrapped

"""The protocol every event store speaks, and the powers a store may have beyond it.

What each promise means is proved by the suite in `backstory.testing.contract`, on every store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import Enum
from typing import Protocol, runtime_checkable

import msgspec

from backstory.core.appending import StreamAppend
from backstory.core.errors import PowerMissing
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected
from backstory.core.read import Read


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


async def append_several(store: EventStore, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
    """Append to several streams of *store*, all or none; see `AppendingSeveral.append_several`.

    Raises `PowerMissing` when the store has no such power.
    """
    if not isinstance(store, AppendingSeveral):
        raise PowerMissing(store=type(store).__name__, power=Power.SEVERAL.value)
    return await store.append_several(appends)

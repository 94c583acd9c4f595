"""What belongs together is found, wherever it is stored and however it is written."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from backstory.core.errors import CaptureRefused
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.history import History
from backstory.core.ids import uuid7
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.explore.links import correlation_of
from backstory.stores.memory import MemoryStore
from backstory.timemachine import correlating
from backstory.timemachine.correlating import correlated


class Plain:
    """A store that can only be read."""

    def __init__(self, store: MemoryStore) -> None:
        """Read *store*."""
        self.read, self.head, self.wait = store.read, store.head, store.wait
        self.append, self.close = store.append, store.close


@pytest.fixture(params=["searchable", "plain", "history"])
def seen(request: pytest.FixtureRequest, store: MemoryStore) -> EventStore:
    """Return *store* as it is, without its power to search, and as a history."""
    if request.param == "plain":
        return Plain(store)
    return History(store, 1_000) if request.param == "history" else store


async def add(
    store: MemoryStore, stream: str, correlation: str | None, cause: UUID | str | None = None
) -> UUID:
    """Append an event with this correlation and causation; return its id."""
    metadata: dict[str, object] = {}
    if correlation is not None:
        metadata["$correlationId"] = correlation
    if cause is not None:
        metadata["$causationId"] = str(cause)
    event = NewEvent.of("noted", {}, metadata=metadata, id=uuid7())
    await store.append(stream, [event])
    return event.id


def places(found: Sequence[RecordedEvent]) -> list[int]:
    """Return the positions."""
    return [event.position for event in found]


async def test_causes_and_effects_belong_together(store: MemoryStore, seen: EventStore) -> None:
    """By correlation id, through causes, and into what carries another correlation id."""
    first = await add(store, "order-1", "web-1")
    await add(store, "order-2", "web-2")
    second = await add(store, "mail-1", "mail-run-7", first)
    await add(store, "mail-2", "mail-run-7")
    await add(store, "stock-1", None, second)
    await add(store, "stock-2", None)
    assert places(await correlated(seen, "web-1", 1_000)) == [1, 3, 4, 5]
    assert places(await correlated(seen, "mail-run-7", 1_000)) == [1, 3, 4, 5]
    assert places(await correlated(seen, "web-2", 1_000)) == [2]
    assert places(await correlated(seen, "nobody", 1_000)) == []


async def test_what_came_later_does_not_belong(store: MemoryStore, seen: EventStore) -> None:
    """The moment ends it, also where an effect came afterwards."""
    first = await add(store, "order-1", "web-1")
    await add(store, "mail-1", "mail-run-7", first)
    await add(store, "mail-2", "mail-run-7")
    assert places(await correlated(seen, "web-1", 1)) == [1]
    assert places(await correlated(seen, "web-1", 2)) == [1, 2]


async def test_an_id_is_found_however_it_is_written(store: MemoryStore, seen: EventStore) -> None:
    """JSON may escape any letter; ids of others may hold any sign."""
    await store.append(
        "a-1", [NewEvent("noted", b"{}", rb'{"$correlationId":"w\u0065b-1"}', uuid7())]
    )
    await add(store, "a-2", 'say "hi" \\ ä😀')
    await add(store, "a-3", "web-11")
    assert places(await correlated(seen, "web-1", 9)) == [1]
    assert places(await correlated(seen, 'say "hi" \\ ä😀', 9)) == [2]


async def test_many_links_are_followed(store: MemoryStore, seen: EventStore) -> None:
    """A chain of causes longer than one search may name words."""
    cause = await add(store, "a-0", "start")
    for number in range(100):
        cause = await add(store, f"a-{number}", None, cause)
    wide = [await add(store, f"b-{number}", "start") for number in range(100)]
    for number, one in enumerate(wide):
        await add(store, f"c-{number}", None, one)
    assert places(await correlated(seen, "start", 1_000)) == list(range(1, 302))


async def test_more_than_anybody_could_read_is_refused(
    store: MemoryStore, seen: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do instead."""
    monkeypatch.setattr(correlating, "MOST", 5)
    for number in range(6):
        await add(store, f"a-{number}", "all")
    with pytest.raises(CaptureRefused, match="--stream"):
        await correlated(seen, "all", 9)


async def test_the_correlation_of_an_event_is_a_text_or_none(store: MemoryStore) -> None:
    """Whatever somebody wrote there."""
    await add(store, "a-1", "web-1")
    await store.append("a-2", [NewEvent("noted", b"{}", b'{"$correlationId":7}', uuid7())])
    await add(store, "a-3", None)
    page = await store.read(Read())
    assert [correlation_of(event) for event in page] == ["web-1", None, None]

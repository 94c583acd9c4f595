"""One event and what is around it."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from backstory import EventStore, NewEvent
from backstory.core.read import Read
from backstory.explore.budget import Budget
from backstory.explore.event import EventDetail, event_detail, find_event
from backstory.explore.trace import TraceNode, trace
from backstory.explore.types import types_page
from tests.unit.explore.members import join, pay
from tests.unit.explore.test_streams import Plain


def linked(
    name: str, *, cause: NewEvent | UUID | None = None, correlation: str = "web-1"
) -> NewEvent:
    """Return an event of a story."""
    metadata: dict[str, object] = {"$correlationId": correlation}
    if cause is not None:
        metadata["$causationId"] = str(cause if isinstance(cause, UUID) else cause.id)
    return NewEvent.of(name, {}, metadata=metadata)


async def detail_at(store: EventStore, position: int) -> EventDetail:
    """Return the event at *position* with what is around it."""
    found = await find_event(store, position)
    assert found.event is not None
    return await event_detail(store, found.event)


@pytest.mark.parametrize("able", [True, False])
async def test_an_event_is_found_by_id_and_by_position(store: EventStore, able: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """With and without the power to find; what is nowhere is not found."""
    await join(store, 3)
    asked: EventStore = store if able else Plain(store)
    [event] = await store.read(Read(after=1, limit=1))
    assert (await find_event(asked, str(event.id))).event == event
    assert (await find_event(asked, 2)).event == event
    for nowhere in (str(uuid4()), "no id", 0, -5, 4, 2**62):
        found = await find_event(asked, nowhere)
        assert (found.event, found.complete) == (None, True)


async def test_a_search_that_ran_out_of_time_says_so(store: EventStore) -> None:
    """It cannot say that there is no such event."""
    await join(store, 2_100)
    found = await find_event(Plain(store), str(uuid4()), Budget(0))
    assert (found.event, found.complete) == (None, False)


async def test_neighbours_are_those_in_the_stream_and_of_the_type(store: EventStore) -> None:
    """Before and behind."""
    await join(store, 3)
    await pay(store, 1)
    await pay(store, 0)
    await pay(store, 1)
    detail = await detail_at(store, 4)
    around = (
        detail.previous_in_stream, detail.next_in_stream,
        detail.previous_of_type, detail.next_of_type,
    )  # fmt: skip
    assert [e and e.position for e in around] == [2, 6, None, 5]
    last = await detail_at(store, 6)
    assert last.next_in_stream is last.next_of_type is None


@pytest.mark.parametrize("able", [True, False])
async def test_cause_and_effects_are_shown(store: EventStore, able: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The first twenty of them, and whether there may be more."""
    asked: EventStore = store if able else Plain(store)
    first = linked("placed")
    await store.append("order-1", [first])
    await store.append("mail-1", [linked("sent", cause=first) for _ in range(20)])
    detail = await detail_at(asked, 1)
    assert [e.position for e in detail.caused] == list(range(2, 22))
    assert (detail.caused_complete, detail.correlation, detail.cause) == (True, "web-1", None)
    await store.append("mail-1", [linked("sent", cause=first)])
    assert not (await detail_at(asked, 1)).caused_complete
    effect = await detail_at(asked, 5)
    assert effect.cause is not None
    assert effect.cause.position == 1
    lonely = linked("lost", cause=uuid4())
    await store.append("mail-2", [lonely])
    detail = await detail_at(asked, 23)
    assert detail.cause is None
    assert detail.causation == lonely.metadata[-38:-2].decode()


def shape(nodes: list[TraceNode]) -> list[tuple[str, int]]:
    """Return the types and depths of *nodes*."""
    return [(node.event.type, node.depth) for node in nodes]


async def test_a_trace_is_the_tree_of_causes(store: EventStore) -> None:
    """In the order of the log among siblings, with causes that are missing told."""
    a = linked("a")
    b, c = linked("b", cause=a), linked("c", cause=a)
    d = linked("d", cause=b)
    gone = linked("e", cause=uuid4())
    await store.append("s-1", [a, b, c])
    await store.append("s-2", [linked("x", correlation="web-2")])
    await store.append("s-3", [d, gone])
    found = await trace(store, "web-1")
    assert shape(list(found.nodes)) == [("a", 0), ("b", 1), ("d", 2), ("c", 1), ("e", 0)]
    assert found.complete
    assert found.nodes[-1].missing is not None
    assert found.nodes[2].delay_us is not None
    assert not (await trace(store, "nobody")).nodes


async def test_what_causes_itself_is_shown_once(store: EventStore) -> None:
    """And marked."""
    one, two = uuid4(), uuid4()

    def told(name: str, own: UUID, cause: UUID) -> NewEvent:
        meta = f'{{"$correlationId":"web-1","$causationId":"{cause}"}}'.encode()
        return NewEvent(name, b"{}", meta, own)

    await store.append("s-1", [told("a", one, two), told("b", two, one)])
    found = await trace(store, "web-1")
    assert shape(list(found.nodes)) == [("a", 0), ("b", 1)]
    assert [node.cycle for node in found.nodes] == [True, False]


async def test_a_long_chain_is_no_problem(store: EventStore) -> None:
    """Nothing recurses; and more than was asked for is told."""
    chain = [linked("step")]
    for _ in range(1_999):
        chain.append(linked("step", cause=chain[-1]))
    await store.append("s-1", chain)
    assert (await trace(store, "web-1")).nodes[-1].depth == 1_999
    part = await trace(store, "web-1", most=100)
    assert (len(part.nodes), part.complete) == (100, False)


async def test_the_event_that_began_it_belongs_to_the_trace(store: EventStore) -> None:
    """When the correlation id is its own id."""
    first = NewEvent.of("began", {})
    await store.append("s-1", [first, linked("went on", cause=first, correlation=str(first.id))])
    found = await trace(store, str(first.id))
    assert shape(list(found.nodes)) == [("began", 0), ("went on", 1)]


@pytest.mark.parametrize("able", [True, False])
async def test_types_have_their_first_and_newest_event(store: EventStore, able: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Page by page, by name."""
    await join(store, 3)
    await pay(store, 1)
    await pay(store, 2)
    asked: EventStore = store if able else Plain(store)
    page = await types_page(asked, limit=1)
    assert [(t.name, t.first.position, t.newest.position) for t in page.types] == [
        ("fee-paid", 4, 5)
    ]
    page = await types_page(asked, after=page.next, limit=1)
    assert [(t.name, t.first.position, t.newest.position) for t in page.types] == [
        ("member-joined", 1, 3)
    ]
    assert (page.next, page.complete) == (None, True)
    assert [t.name for t in (await types_page(asked, prefix="fee")).types] == ["fee-paid"]

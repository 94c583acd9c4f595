"""Streams of links of the system projections, made as they are read or written on request."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from kurrentdbclient import KurrentDBClient, NewEvent, RecordedEvent, StreamState
from kurrentdbclient.exceptions import NotFoundError

from backstory.server.settings import ServerSettings
from tests.services.eventstoredb.served import Served

ANY = StreamState.ANY
SETTINGS = {
    "made": ServerSettings(port=0, write_timeout=30.0),
    "written": ServerSettings(port=0, write_timeout=30.0, materialise=True),
}


@pytest.fixture(params=SETTINGS)
def linked(request: pytest.FixtureRequest) -> Iterator[KurrentDBClient]:
    """Give a client of a server that makes links, and of one that writes them."""
    server = Served(settings=SETTINGS[request.param])
    with KurrentDBClient(server.esdb) as client:
        yield client
    server.close()


def event(kind: str = "placed", **meta: str) -> NewEvent:
    """Return an event."""
    return NewEvent(type=kind, data=b'{"n":1}', metadata=json.dumps(meta).encode() if meta else b"")


def append(client: KurrentDBClient, stream: str, *events: NewEvent) -> None:
    """Append to *stream*."""
    client.append_to_stream(stream, current_version=ANY, events=list(events))


def links(client: KurrentDBClient, stream: str, count: int, **how: object) -> list[RecordedEvent]:
    """Return the links of *stream*, once there are so many: who writes them may need a moment."""
    deadline = time.monotonic() + 10
    while True:
        try:
            found = list(client.get_stream(stream, **how))  # type: ignore[arg-type]  # by name
        except NotFoundError:
            found = []
        if len(found) == count or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def targets(found: list[RecordedEvent]) -> list[str]:
    """Return what the links name."""
    return [link.data.decode() for link in found]


def test_links_are_found_by_category_type_correlation_and_stream(linked: KurrentDBClient) -> None:
    """Each stream of the five system projections, with revisions from 0 without a gap."""
    append(linked, "order-1", event(), event("paid", **{"$correlationId": "web-1"}))
    append(linked, "user-1", event("placed", **{"$correlationId": "web-1"}))
    append(linked, "order-2", event())
    by_category = links(linked, "$ce-order", 3)
    assert targets(by_category) == ["0@order-1", "1@order-1", "0@order-2"]
    assert [link.stream_position for link in by_category] == [0, 1, 2]
    assert {link.type for link in by_category} == {"$>"}
    assert {link.content_type for link in by_category} == {"application/octet-stream"}
    assert json.loads(by_category[0].metadata)["$o"] == "order-1"
    assert targets(links(linked, "$et-placed", 3)) == ["0@order-1", "0@user-1", "0@order-2"]
    assert targets(links(linked, "$bc-web-1", 2)) == ["1@order-1", "0@user-1"]
    assert targets(links(linked, "$category-order", 2)) == ["order-1", "order-2"]
    assert targets(links(linked, "$streams", 3)) == ["0@order-1", "0@user-1", "0@order-2"]
    with pytest.raises(NotFoundError):
        linked.get_stream("$ce-nothing")


def test_links_are_resolved_and_paged(linked: KurrentDBClient) -> None:
    """To the events themselves, from either end and from any revision."""
    for number in range(7):
        append(linked, f"order-{number % 3}", event(f"t{number}"))
    resolved = links(linked, "$ce-order", 7, resolve_links=True)
    assert [each.type for each in resolved] == [f"t{n}" for n in range(7)]
    assert [each.link.stream_position for each in resolved if each.link] == list(range(7))
    page = links(linked, "$ce-order", 2, stream_position=3, limit=2)
    assert [each.stream_position for each in page] == [3, 4]
    back = links(linked, "$ce-order", 3, stream_position=4, backwards=True, limit=3)
    assert [each.stream_position for each in back] == [4, 3, 2]
    linked.delete_stream("order-0", current_version=ANY)
    gone = links(linked, "$ce-order", 7)
    assert len(gone) == 7, "links stay when what they name is deleted"


def test_a_subscription_to_links_goes_on_with_what_comes(linked: KurrentDBClient) -> None:
    """What is there, and what is appended afterwards."""
    append(linked, "order-1", event("t0"))
    assert links(linked, "$ce-order", 1)
    with linked.subscribe_to_stream("$ce-order", resolve_links=True) as subscription:
        assert next(subscription).type == "t0"
        append(linked, "order-2", event("t1"))
        append(linked, "user-2", event("other"))
        append(linked, "order-1", event("t2"))
        assert [next(subscription).type for _ in range(2)] == ["t1", "t2"]


def test_a_group_may_follow_a_category(linked: KurrentDBClient) -> None:
    """With the events that its links name."""
    group = f"group-{uuid4()}"
    append(linked, "order-1", event("t0"))
    assert links(linked, "$ce-order", 1)
    linked.create_subscription_to_stream(group, "$ce-order", resolve_links=True)
    with linked.read_subscription_to_stream(group, "$ce-order") as subscription:
        first = next(subscription)
        subscription.ack(first)
        append(linked, "order-2", event("t1"))
        second = next(subscription)
        subscription.ack(second)
    assert [first.type, second.type] == ["t0", "t1"]


def test_written_links_stand_in_the_log() -> None:
    """Clients that leave system events out do not see them."""
    server = Served("memory:", SETTINGS["written"])
    with KurrentDBClient(server.esdb) as client:
        append(client, "order-1", event(), event())
        assert len(links(client, "$ce-order", 2)) == 2
        seen = list(client.read_all(filter_exclude=()))
        assert [e.type for e in seen].count("$>") == 5
        assert [e.type for e in client.read_all()] == ["placed", "placed"]
    server.close()

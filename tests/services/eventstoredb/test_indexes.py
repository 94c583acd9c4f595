"""Indexes: reads of `$all` that name one by a prefix of streams, as of 25.1."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import KurrentDBClientError
from kurrentdbclient.protos.v1 import persistent_pb2 as persistent

from tests.services.eventstoredb.raw import all_read, asked, read_of
from tests.services.eventstoredb.served import Served

PERSISTENT = "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Create"
ANY = StreamState.ANY


@pytest.fixture(scope="module")
def indexed() -> Iterator[KurrentDBClient]:
    """Give a client of a server with 3 orders and 2 users, of two events each, and metadata."""
    served = Served()
    with KurrentDBClient(served.esdb) as client:
        for number in range(3):
            write(client, f"order-{number}", "placed", "paid")
        for number in range(2):
            write(client, f"user-{number}", "created", "placed")
        client.set_stream_metadata("order-0", metadata={"owner": "ops"}, current_version=ANY)
        yield client
    served.close()


def write(client: KurrentDBClient, stream: str, *types: str) -> None:
    """Append an event of each of *types*."""
    events = [NewEvent(type=name, data=b"{}") for name in types]
    client.append_to_stream(stream, current_version=ANY, events=events)


def found(client: KurrentDBClient, *names: str, **how: object) -> list[tuple[str, str]]:
    """Return stream and type of what the index holds."""
    read = client.read_all(
        filter_include=names,
        filter_by_stream_name=True,
        filter_by_prefix=True,
        **how,  # type: ignore[arg-type]  # by name
    )
    return [(event.stream_name, event.type) for event in read]


def test_an_index_of_a_category_or_type_holds_its_events_in_order(indexed: KurrentDBClient) -> None:
    """Forwards and backwards, from anywhere, up to a limit."""
    orders = [(f"order-{number}", name) for number in range(3) for name in ("placed", "paid")]
    placed = [
        *((f"order-{n}", "placed") for n in range(3)),
        ("user-0", "placed"),
        ("user-1", "placed"),
    ]
    assert found(indexed, "$idx-ce-order") == orders
    assert found(indexed, "$idx-ce-order", backwards=True) == orders[::-1]
    assert found(indexed, "$idx-et-placed") == placed
    assert found(indexed, "$idx-et-placed", limit=2) == placed[:2]
    third = list(indexed.read_all())[2]
    begin = third.commit_position
    assert found(indexed, "$idx-ce-order", commit_position=begin, limit=2) == orders[2:4]
    assert found(indexed, "$idx-ce-order", commit_position=begin, backwards=True) == orders[1::-1]
    assert found(indexed, "$idx-ce-nobody") == found(indexed, "$idx-et-never") == []


def test_the_index_of_all_leaves_out_the_system(indexed: KurrentDBClient) -> None:
    """So do the others."""
    everything = [(event.stream_name, event.type) for event in indexed.read_all()]
    assert found(indexed, "$idx-all") == everything
    assert len(everything) == 10
    assert found(indexed, "$idx-et-$metadata") == []


def test_an_index_is_followed(indexed: KurrentDBClient) -> None:
    """As `$all` is."""
    with indexed.subscribe_to_all(
        filter_include=["$idx-ce-followed"],
        filter_by_stream_name=True,
        filter_by_prefix=True,
        from_end=True,
    ) as subscription:
        write(indexed, "passedby-1", "placed")
        write(indexed, "followed-1", "placed", "paid")
        seen = [next(subscription) for _ in range(2)]
    assert [(e.stream_name, e.type) for e in seen] == [
        ("followed-1", "placed"),
        ("followed-1", "paid"),
    ]


def test_a_group_follows_an_index(served: Served, client: KurrentDBClient) -> None:
    """The official client for Python has no prefixes for groups, those for Node have."""
    request = persistent.CreateReq()
    request.options.group_name = "followers"
    request.options.settings.MergeFrom(settings())
    request.options.all.end.SetInParent()
    wanted = request.options.all.filter
    wanted.stream_identifier.prefix.append("$idx-ce-followed")
    wanted.max = wanted.checkpointIntervalMultiplier = 1
    asked(served, PERSISTENT, [request], persistent.CreateResp)
    with client.read_subscription_to_all("followers") as group:
        write(client, "passedby-1", "placed")
        write(client, "followed-1", "placed")
        assert next(group).stream_name == "followed-1"


def settings() -> persistent.CreateReq.Settings:
    """Return those that the client for Node sends."""
    return persistent.CreateReq.Settings(
        resolve_links=False,
        max_retry_count=10,
        min_checkpoint_count=10,
        max_checkpoint_count=1_000,
        live_buffer_size=500,
        read_batch_size=20,
        history_buffer_size=500,
        message_timeout_ms=30_000,
        checkpoint_after_ms=2_000,
        consumer_strategy="RoundRobin",
    )


@pytest.mark.parametrize("name", ["$idx-user-large", "$idx-", "$idx-ce-", "$idx-et-"])
def test_an_index_that_is_not_there_is_not_found(served: Served, name: str) -> None:
    """It says which."""
    request = read_of(None)
    request.options.filter.stream_identifier.prefix.append(name)
    request.options.filter.max = request.options.filter.checkpointIntervalMultiplier = 1
    with pytest.raises(grpc.RpcError) as caught:
        all_read(served, request)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == f"Index '{name}' is not found."
    assert dict(caught.value.trailing_metadata())["exception"] == "index-not-found"


def test_an_index_stands_alone(indexed: KurrentDBClient) -> None:
    """Beside another prefix it would mean nothing."""
    with pytest.raises(KurrentDBClientError, match="one prefix"):
        found(indexed, "$idx-ce-order", "user-")

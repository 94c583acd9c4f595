"""Catch-up subscriptions: from where, what is told on the way, and how they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import StreamIsDeletedError
from kurrentdbclient.protos.v1 import streams_pb2

from tests.services.eventstoredb.raw import STREAMS, all_read, channel_to, read_of
from tests.services.eventstoredb.served import Served

ANY = StreamState.ANY
Options = streams_pb2.ReadReq.Options


def filled(client: KurrentDBClient, stream: str, count: int, kind: str = "happened") -> list[int]:
    """Append so many events and return their positions."""
    events = [NewEvent(type=kind, data=b"{}") for _ in range(count)]
    last = client.append_to_stream(stream, current_version=ANY, events=events)
    return list(range(last - count + 1, last + 1))


def subscribed(served: Served, request: streams_pb2.ReadReq, most: int) -> list[str]:
    """Return what kind of messages come first in a subscription."""
    request.options.subscription.SetInParent()
    return [str(a.WhichOneof("content")) for a in all_read(served, request, most=most)]


def test_a_stream_is_followed_from_its_start(client: KurrentDBClient, stream: str) -> None:
    """What was there, then what comes: in order, each once."""
    filled(client, stream, 5)
    with client.subscribe_to_stream(stream) as subscription:
        revisions = [next(subscription).stream_position for _ in range(5)]
        filled(client, stream, 3)
        filled(client, f"{stream}-other", 1)
        filled(client, stream, 1)
        revisions += [next(subscription).stream_position for _ in range(4)]
    assert revisions == list(range(9))


def test_a_revision_or_position_is_what_was_seen_last(client: KurrentDBClient, stream: str) -> None:
    """A subscription begins behind it."""
    positions = filled(client, stream, 5)
    with client.subscribe_to_stream(stream, stream_position=2) as subscription:
        assert next(subscription).stream_position == 3
    with client.subscribe_to_all(commit_position=positions[2]) as everything:
        assert next(everything).commit_position == positions[3]


def test_the_end_is_what_comes_next(client: KurrentDBClient, stream: str) -> None:
    """Whatever the client appends itself once it is subscribed is delivered."""
    filled(client, stream, 5)
    with (
        client.subscribe_to_stream(stream, from_end=True) as one,
        client.subscribe_to_all(from_end=True) as everything,
    ):
        [position] = filled(client, stream, 1)
        assert next(one).stream_position == 5
        assert next(everything).commit_position == position


def test_a_stream_may_begin_later_than_its_subscription(
    client: KurrentDBClient, stream: str
) -> None:
    """Nothing is wrong with waiting for it."""
    with client.subscribe_to_stream(stream) as subscription:
        filled(client, stream, 2)
        assert [next(subscription).stream_position for _ in range(2)] == [0, 1]


def test_a_stream_with_a_tombstone_cannot_be_followed(client: KurrentDBClient, stream: str) -> None:
    """Nor any longer, when it gets one: that is delivered first."""
    filled(client, stream, 1)
    subscription = client.subscribe_to_stream(stream)
    assert next(subscription).stream_position == 0
    client.tombstone_stream(stream, current_version=ANY)
    assert next(subscription).type == "$streamDeleted"
    for follow in (lambda: next(subscription), lambda: client.subscribe_to_stream(stream)):
        with pytest.raises(StreamIsDeletedError):
            follow()
    subscription.stop()


def test_a_deletion_while_following_says_nothing(client: KurrentDBClient, stream: str) -> None:
    """What is appended later comes."""
    filled(client, stream, 2)
    with client.subscribe_to_stream(stream, stream_position=1) as subscription:
        client.delete_stream(stream, current_version=ANY)
        filled(client, stream, 1)
        assert next(subscription).stream_position == 2


def test_the_confirmation_comes_first_and_caught_up_once(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """Of a stream and of all; with where that is."""
    filled(client, stream, 2)
    kinds = subscribed(served, read_of(stream), 4)
    assert kinds == ["confirmation", "event", "event", "caught_up"]
    request = read_of(stream)
    request.options.subscription.SetInParent()
    caught_up = all_read(served, request, most=4)[-1].caught_up
    assert (caught_up.stream_revision, caught_up.HasField("position")) == (1, False)
    request = read_of(None)
    request.options.all.end.SetInParent()
    request.options.subscription.SetInParent()
    first, second = all_read(served, request, most=2)
    assert first.confirmation.subscription_id
    head = client.get_commit_position(filter_exclude=())
    assert second.caught_up.position.commit_position >= head
    assert second.caught_up.timestamp.seconds == pytest.approx(time.time(), abs=60)


def filtered(window: int, multiplier: int, prefix: str) -> Options.FilterOptions:
    """Return a filter by type."""
    return Options.FilterOptions(
        event_type=Options.FilterOptions.Expression(prefix=[prefix]),
        max=window,
        checkpointIntervalMultiplier=multiplier,
    )


def test_checkpoints_tell_how_far_a_filtered_subscription_looked(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """After so many events looked at, and before being caught up; each further than the last."""
    positions = filled(client, stream, 25)
    [wanted] = filled(client, stream, 1, f"wanted-{stream}")
    request = read_of(None, filter=filtered(5, 2, f"wanted-{stream}"))
    request.options.all.position.commit_position = positions[0] - 1
    request.options.all.position.prepare_position = positions[0] - 1
    request.options.subscription.SetInParent()
    answers = all_read(served, request, most=6)
    assert [str(a.WhichOneof("content")) for a in answers] == [
        "confirmation",
        "checkpoint",
        "checkpoint",
        "event",
        "checkpoint",
        "caught_up",
    ]
    told = [
        a.checkpoint.commit_position for a in answers if a.WhichOneof("content") == "checkpoint"
    ]
    assert told == [positions[9], positions[19], wanted]


def test_no_checkpoint_comes_before_anything_was_looked_at(served: Served) -> None:
    """Nor without a filter."""
    for options in ({"filter": filtered(1, 1, "x")}, {}):
        request = read_of(None, **options)
        request.options.all.end.SetInParent()
        assert subscribed(served, request, 2) == ["confirmation", "caught_up"]


def test_checkpoints_go_on_while_following(client: KurrentDBClient, stream: str) -> None:
    """Events that do not match move them, too."""
    with client.subscribe_to_all(
        from_end=True,
        filter_include=["never-ever"],
        include_checkpoints=True,
        window_size=1,
        checkpoint_interval_multiplier=5,
    ) as subscription:
        positions = filled(client, stream, 12)
        told = [next(subscription).commit_position for _ in range(2)]
    assert told == [positions[4], positions[9]]


def test_a_hundred_subscribers_get_every_event(served: Served, stream: str) -> None:
    """Over one connection and over several."""
    clients = [KurrentDBClient(served.esdb) for _ in range(4)]
    subscriptions = [
        clients[number % 4].subscribe_to_all(
            from_end=True, filter_include=[stream], filter_by_stream_name=True
        )
        for number in range(100)
    ]

    def take(number: int) -> list[int]:
        return [next(subscriptions[number]).stream_position for _ in range(20)]

    with ThreadPoolExecutor(100) as pool:
        taken = [pool.submit(take, number) for number in range(100)]
        for _ in range(10):
            filled(clients[0], stream, 2)
        assert all(future.result(30) == list(range(20)) for future in taken)
    for subscription in subscriptions:
        subscription.stop()
    for client in clients:
        client.close()


def test_a_subscriber_that_stands_still_gets_everything_in_the_end(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """And keeps nobody else waiting, nor fills the server's memory."""
    payload = b'"' + b"x" * 100_000 + b'"'
    request = read_of(None)
    request.options.all.end.SetInParent()
    request.options.subscription.SetInParent()
    with channel_to(served) as channel:
        call = channel.unary_stream(
            f"{STREAMS}Read",
            request_serializer=streams_pb2.ReadReq.SerializeToString,
            response_deserializer=streams_pb2.ReadResp.FromString,
        )(request, timeout=60)
        answers: Iterator[streams_pb2.ReadResp] = iter(call)
        assert next(answers).HasField("confirmation")
        for _ in range(20):
            events = [NewEvent(type="large", data=payload) for _ in range(20)]
            client.append_to_stream(stream, current_version=ANY, events=events)
        with client.subscribe_to_stream(stream) as quick:
            assert [next(quick).stream_position for _ in range(400)] == list(range(400))
        revisions = [
            a.event.event.stream_revision
            for a in answers_until(answers, 400)
            if a.event.event.stream_identifier.stream_name == stream.encode()
        ]
        call.cancel()
    assert revisions == list(range(400))


def answers_until(
    answers: Iterator[streams_pb2.ReadResp], count: int
) -> Iterator[streams_pb2.ReadResp]:
    """Give *count* answers that are events."""
    while count:
        answer = next(answers)
        if answer.HasField("event"):
            count -= 1
            yield answer


def test_subscriptions_end_with_unavailable_when_the_server_stops(own_served: Served) -> None:
    """Which makes clients connect anew; what they had not seen is there again."""
    with KurrentDBClient(own_served.esdb) as client:
        filled(client, "a", 2)
    ends: list[grpc.StatusCode] = []

    def follow() -> None:
        request = read_of("a")
        request.options.subscription.SetInParent()
        with pytest.raises(grpc.RpcError) as caught:
            all_read(own_served, request)
        ends.append(caught.value.code())

    follower = threading.Thread(target=follow)
    follower.start()
    deadline = time.monotonic() + 10
    while own_served.run(_calls) == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    own_served.stop()
    follower.join(10)
    assert ends == [grpc.StatusCode.UNAVAILABLE]
    own_served.start()
    with KurrentDBClient(own_served.esdb) as client:
        assert len(client.get_stream("a")) == 2


async def _calls(server: object, _store: object) -> int:
    return int(getattr(server, "calls"))  # noqa: B009 - the type is the server's own affair

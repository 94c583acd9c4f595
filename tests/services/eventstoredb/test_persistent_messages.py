"""Groups by their messages: what older clients send, how calls fail, who gets how much."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Self

import grpc
import pytest
from google.protobuf.message import Message
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.protos.v1 import persistent_pb2 as pb

from tests.services.eventstoredb.raw import asked, channel_to
from tests.services.eventstoredb.served import Served

SERVICE = "/event_store.client.persistent_subscriptions.PersistentSubscriptions/"
GROUP = "workers"


def creating(stream: str, **settings: object) -> pb.CreateReq:
    """Return the message that creates a group which begins with the first event."""
    request = pb.CreateReq()
    request.options.group_name = GROUP
    request.options.stream.stream_identifier.stream_name = stream.encode()
    request.options.stream.start.SetInParent()
    said: dict[str, object] = {
        "max_retry_count": 10,
        "live_buffer_size": 500,
        "read_batch_size": 20,
        "history_buffer_size": 500,
        "message_timeout_ms": 30_000,
        "checkpoint_after_ms": 2_000,
    }
    for name, value in (said | settings).items():
        setattr(request.options.settings, name, value)
    return request


def create(served: Served, request: pb.CreateReq) -> None:
    """Send it."""
    asked(served, f"{SERVICE}Create", [request], pb.CreateResp)


def info_of(served: Served, stream: str) -> pb.SubscriptionInfo:
    """Return what is told of the group."""
    request = pb.GetInfoReq()
    request.options.group_name = GROUP
    request.options.stream_identifier.stream_name = stream.encode()
    [answer] = asked(served, f"{SERVICE}GetInfo", [request], pb.GetInfoResp)
    return answer.subscription_info


def failure(served: Served, method: str, request: Message, reply: type[Message]) -> grpc.RpcError:
    """Return the error that the call ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        asked(served, f"{SERVICE}{method}", [request], reply)
    return caught.value


def trailers_of(error: grpc.RpcError) -> dict[str, str]:
    """Return what clients for Node look at."""
    return {key: value for key, value in error.trailing_metadata() if key != "content-type"}


@pytest.mark.parametrize(
    ("settings", "strategy"),
    [
        ({"consumer_strategy": "PinnedByCorrelation"}, "PinnedByCorrelation"),
        ({"consumer_strategy": "RoundRobin", "named_consumer_strategy": 2}, "RoundRobin"),
        ({"named_consumer_strategy": 2}, "Pinned"),
        ({"named_consumer_strategy": 1}, "RoundRobin"),
        ({}, "DispatchToSingle"),
    ],
    ids=["new", "both", "old", "old round robin", "neither"],
)
def test_a_strategy_is_named_or_numbered(
    served: Served, stream: str, settings: dict[str, object], strategy: str
) -> None:
    """The name wins."""
    create(served, creating(stream, **settings))
    assert info_of(served, stream).named_consumer_strategy == strategy


def test_a_strategy_that_nobody_knows_is_refused(served: Served, stream: str) -> None:
    """In the words of 25.0."""
    request = creating(stream, consumer_strategy="Random")
    error = failure(served, "Create", request, pb.CreateResp)
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "Consumer strategy Random does not exist." in error.details()
    assert trailers_of(error)["exception"] == "persistent-subscription-failed"
    assert trailers_of(error)["reason"] == "Consumer strategy Random does not exist."


def test_older_clients_say_some_things_elsewhere(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """The stream, where to begin, and times in ticks of 100 ns."""
    events = [NewEvent(type="work", data=b"{}") for _ in range(4)]
    client.append_to_stream(stream, current_version=StreamState.ANY, events=events)
    request = creating(stream, message_timeout_ticks=50_000_000, checkpoint_after_ticks=10_000_000)
    request.options.ClearField("stream")
    request.options.stream_identifier.stream_name = stream.encode()  # type: ignore[deprecated]  # is what is tested
    request.options.settings.revision = 2  # type: ignore[deprecated]  # as above
    create(served, request)
    info = info_of(served, stream)
    assert (info.message_timeout_milliseconds, info.check_point_after_milliseconds) == (
        5_000,
        1_000,
    )
    assert (info.event_source, info.start_from) == (stream, "2")
    with client.read_subscription_to_stream(GROUP, stream) as group:
        assert next(group).stream_position == 2


def test_failures_name_the_group(served: Served, client: KurrentDBClient, stream: str) -> None:
    """As trailers, by which clients for Node know them."""
    named = {"stream-name": stream, "group-name": GROUP}
    gone = pb.DeleteReq()
    gone.options.group_name = GROUP
    gone.options.stream_identifier.stream_name = stream.encode()
    error = failure(served, "Delete", gone, pb.DeleteResp)
    assert error.code() is grpc.StatusCode.NOT_FOUND
    expected = {"exception": "persistent-subscription-does-not-exist", **named}
    assert trailers_of(error).items() >= expected.items()
    create(served, creating(stream, max_subscriber_count=1))
    error = failure(served, "Create", creating(stream), pb.CreateResp)
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    expected = {"exception": "persistent-subscription-exists", **named}
    assert trailers_of(error).items() >= expected.items()
    with Consumer(served, stream) as first:
        assert next(first.answers).subscription_confirmation.subscription_id == f"{stream}::{GROUP}"
        with Consumer(served, stream) as second, pytest.raises(grpc.RpcError) as caught:
            next(second.answers)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert caught.value.details().startswith("Maximum subscriptions reached")
        expected = {"exception": "maximum-subscribers-reached", **named}
        assert trailers_of(caught.value).items() >= expected.items()
        client.delete_subscription(GROUP, stream)
        with pytest.raises(grpc.RpcError) as caught:
            next(first.answers)
        assert trailers_of(caught.value)["exception"] in {
            "persistent-subscription-dropped",
            "persistent-subscription-does-not-exist",
        }


class Consumer:
    """A consumer of the group that says what a test tells it to."""

    def __init__(self, served: Served, stream: str, *, buffer: int = 10) -> None:
        """Become one, with room for *buffer* events that are not acknowledged."""
        self._served = served
        self._said: queue.SimpleQueue[pb.ReadReq | None] = queue.SimpleQueue()
        request = pb.ReadReq()
        request.options.group_name = GROUP
        request.options.stream_identifier.stream_name = stream.encode()
        request.options.buffer_size = buffer
        request.options.uuid_option.string.SetInParent()
        self.say(request)

    def say(self, request: pb.ReadReq) -> None:
        """Send *request*."""
        self._said.put(request)

    def __enter__(self) -> Self:
        """Connect."""
        self._channel = channel_to(self._served)
        call = self._channel.__enter__().stream_stream(
            f"{SERVICE}Read",
            request_serializer=pb.ReadReq.SerializeToString,
            response_deserializer=pb.ReadResp.FromString,
        )(iter(self._said.get, None), timeout=30)
        self._call = call
        self.answers: Iterator[pb.ReadResp] = iter(call)
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._call.cancel()
        self._said.put(None)
        self._channel.__exit__(None, None, None)


def test_a_consumer_has_no_more_than_it_has_room_for(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """Each acknowledgement makes room for one more."""
    events = [NewEvent(type="work", data=b"{}") for _ in range(6)]
    client.append_to_stream(stream, current_version=StreamState.ANY, events=events)
    create(served, creating(stream))
    with Consumer(served, stream, buffer=2) as consumer:
        next(consumer.answers)
        held = [next(consumer.answers).event.event for _ in range(2)]
        [connection] = info_of(served, stream).connections
        assert (connection.in_flight_messages, connection.available_slots) == (2, 0)
        for event in held:
            ack = pb.ReadReq()
            ack.ack.id = b"anything"
            ack.ack.ids.append(event.id)
            consumer.say(ack)
        more = [next(consumer.answers).event.event for _ in range(2)]
    assert [e.stream_revision for e in held + more] == [0, 1, 2, 3]

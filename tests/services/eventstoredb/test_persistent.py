"""Persistent subscriptions through the official client: groups share events, and lose none."""

from __future__ import annotations

import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from kurrentdbclient import KurrentDBClient, NewEvent, RecordedEvent, StreamState
from kurrentdbclient.common import AbstractPersistentSubscription as PersistentSubscription
from kurrentdbclient.exceptions import (
    AlreadyExistsError,
    KurrentDBClientError,
    MaximumSubscriptionsReachedError,
    NotFoundError,
)
from kurrentdbclient.persistent import SubscriptionInfo

from tests.services.eventstoredb.raw import channel_to
from tests.services.eventstoredb.served import Served

ANY = StreamState.ANY
GROUP = "workers"


def filled(client: KurrentDBClient, stream: str, count: int, kind: str = "work") -> None:
    """Append so many events."""
    events = [NewEvent(type=kind, data=b"{}") for _ in range(count)]
    client.append_to_stream(stream, current_version=ANY, events=events)


def reading(client: KurrentDBClient, stream: str, *, buffer: int = 150) -> PersistentSubscription:
    """Become a consumer of the group."""
    return client.read_subscription_to_stream(
        GROUP, stream, event_buffer_size=buffer, max_ack_batch_size=1
    )


def taken(subscription: PersistentSubscription, count: int) -> list[RecordedEvent]:
    """Take and acknowledge so many events."""
    events: list[RecordedEvent] = []
    for _ in range(count):
        event = next(subscription)
        subscription.ack(event)
        events.append(event)
    return events


def test_a_group_delivers_what_is_there_and_what_comes(
    client: KurrentDBClient, stream: str
) -> None:
    """Each event once, in order, with how often it was tried."""
    filled(client, stream, 3)
    client.create_subscription_to_stream(GROUP, stream)
    with reading(client, stream) as subscription:
        first = taken(subscription, 3)
        filled(client, stream, 2)
        rest = taken(subscription, 2)
    assert [e.stream_position for e in (*first, *rest)] == [0, 1, 2, 3, 4]
    assert {e.retry_count for e in first} == {0}


@pytest.mark.parametrize(
    ("start", "expected"), [({}, 0), ({"stream_position": 2}, 2), ({"from_end": True}, 4)]
)
def test_a_group_begins_with_the_revision_it_names(
    client: KurrentDBClient, stream: str, start: dict[str, object], expected: int
) -> None:
    """Unlike a catch-up subscription; at the end it begins with what comes."""
    filled(client, stream, 4)
    client.create_subscription_to_stream(GROUP, stream, **start)  # type: ignore[call-overload]  # by name
    filled(client, stream, 1)
    with reading(client, stream) as subscription:
        [event] = taken(subscription, 1)
    assert event.stream_position == expected


def test_a_group_exists_once(client: KurrentDBClient, stream: str) -> None:
    """Who creates it again, or asks for one that is not there, is told."""
    client.create_subscription_to_stream(GROUP, stream)
    with pytest.raises(AlreadyExistsError):
        client.create_subscription_to_stream(GROUP, stream)
    client.delete_subscription(GROUP, stream)
    for ask in (
        lambda: client.delete_subscription(GROUP, stream),
        lambda: client.get_subscription_info(GROUP, stream),
        lambda: client.update_subscription_to_stream(GROUP, stream),
        lambda: client.replay_parked_events(GROUP, stream),
        lambda: reading(client, stream),
    ):
        with pytest.raises(NotFoundError):
            ask()
    assert client.list_subscriptions_to_stream(stream) == []


def test_a_group_of_the_same_name_begins_anew(client: KurrentDBClient, stream: str) -> None:
    """Nothing of the deleted one is left."""
    filled(client, stream, 2)
    for _ in range(2):
        client.create_subscription_to_stream(GROUP, stream, min_checkpoint_count=1)
        with reading(client, stream) as subscription:
            event = next(subscription)
            subscription.nack(event, action="park")
            assert [e.stream_position for e in taken(subscription, 1)] == [1]
            _wait_for_parked(client, stream, 1)
        client.delete_subscription(GROUP, stream)


@pytest.mark.parametrize(
    "settings",
    [
        {"read_batch_size": 500, "history_buffer_size": 500},
        {"consumer_strategy": "Dance"},
    ],
)
def test_settings_that_cannot_work_are_refused(
    client: KurrentDBClient, stream: str, settings: dict[str, object]
) -> None:
    """With a reason."""
    with pytest.raises((KurrentDBClientError, KeyError, ValueError)):
        client.create_subscription_to_stream(GROUP, stream, **settings)  # type: ignore[call-overload]  # by name


def test_what_is_not_acknowledged_goes_to_another(client: KurrentDBClient, stream: str) -> None:
    """As soon as the consumer is gone."""
    filled(client, stream, 3)
    client.create_subscription_to_stream(GROUP, stream)
    with reading(client, stream) as first:
        assert [next(first).stream_position for _ in range(3)] == [0, 1, 2]
    with reading(client, stream) as second:
        assert [e.stream_position for e in taken(second, 3)] == [0, 1, 2]


def test_a_retried_event_comes_again_until_it_is_parked(
    client: KurrentDBClient, stream: str
) -> None:
    """Three times more, when that is what the group allows; with one slot it comes next."""
    filled(client, stream, 2)
    client.create_subscription_to_stream(GROUP, stream, max_retry_count=3)
    with reading(client, stream, buffer=1) as subscription:
        tries = []
        for _ in range(4):
            event = next(subscription)
            tries.append((event.stream_position, event.retry_count))
            subscription.nack(event, action="retry")
        assert tries == [(0, 0), (0, 1), (0, 2), (0, 3)]
        assert [e.stream_position for e in taken(subscription, 1)] == [1]
        _wait_for_parked(client, stream, 1)


def test_an_event_that_is_not_answered_in_time_comes_again(
    client: KurrentDBClient, stream: str
) -> None:
    """With its count."""
    filled(client, stream, 1)
    client.create_subscription_to_stream(GROUP, stream, message_timeout=0.2)
    with reading(client, stream) as subscription:
        assert next(subscription).retry_count == 0
        again = next(subscription)
        assert again.retry_count == 1
        subscription.ack(again)


def test_a_skipped_event_is_done(client: KurrentDBClient, stream: str) -> None:
    """It is neither tried again nor parked."""
    filled(client, stream, 2)
    client.create_subscription_to_stream(GROUP, stream)
    with reading(client, stream) as subscription:
        subscription.nack(next(subscription), action="skip")
        assert [e.stream_position for e in taken(subscription, 1)] == [1]
        assert client.get_subscription_info(GROUP, stream).parked_message_count == 0


def test_parked_events_are_replayed_with_a_count_of_none(
    client: KurrentDBClient, stream: str
) -> None:
    """All of them, in order."""
    filled(client, stream, 3)
    client.create_subscription_to_stream(GROUP, stream)
    with reading(client, stream) as subscription:
        for _ in range(3):
            subscription.nack(next(subscription), action="park")
        _wait_for_parked(client, stream, 3)
        client.replay_parked_events(GROUP, stream)
        replayed = taken(subscription, 3)
        assert sorted((e.stream_position, e.retry_count) for e in replayed) == [
            (0, 0),
            (1, 0),
            (2, 0),
        ]
        _wait_for_parked(client, stream, 0)


def test_consumers_take_turns(client: KurrentDBClient, stream: str) -> None:
    """Evenly, in RoundRobin; all to one, in DispatchToSingle; by stream, when pinned."""
    filled(client, stream, 40)
    client.create_subscription_to_stream(
        GROUP, stream, consumer_strategy="RoundRobin", from_end=True
    )
    with reading(client, stream) as one, reading(client, stream) as two:
        filled(client, stream, 20)
        with ThreadPoolExecutor(2) as pool:
            shares = [pool.submit(taken, each, 10) for each in (one, two)]
            positions = [e.stream_position for share in shares for e in share.result(10)]
    assert sorted(positions) == list(range(40, 60))


@pytest.mark.parametrize("strategy", ["Pinned", "PinnedByCorrelation"])
def test_pinned_events_of_one_stream_go_to_one_consumer(
    client: KurrentDBClient, stream: str, strategy: Literal["Pinned", "PinnedByCorrelation"]
) -> None:
    """As long as it has room."""
    client.create_subscription_to_all(
        stream,
        from_end=True,
        filter_include=[f"{stream}-.*"],
        filter_by_stream_name=True,
        consumer_strategy=strategy,
    )
    names = [f"{stream}-{number}" for number in range(20)]
    with (
        client.read_subscription_to_all(stream) as one,
        client.read_subscription_to_all(stream) as two,
    ):
        for name in names * 2:
            filled(client, name, 1)
        shares = _shares(client, stream, 40)
        found = [
            [next(consumer).stream_name for _ in range(share)]
            for consumer, share in zip((one, two), shares, strict=True)
        ]
    assert Counter([*found[0], *found[1]]) == dict.fromkeys(names, 2)
    assert set(found[0]).isdisjoint(found[1]), "a stream belongs to one consumer"
    assert all(found), "both have work"


def _shares(client: KurrentDBClient, group: str, count: int) -> list[int]:
    """Return what each consumer holds, in the order they came, when all is delivered."""
    deadline = time.monotonic() + 10
    while True:
        connections = client.get_subscription_info(group).connections
        shares = [one.in_flight_messages for one in connections]
        if sum(shares) == count:
            return shares
        assert time.monotonic() < deadline, shares
        time.sleep(0.02)


def test_there_are_only_so_many_consumers(client: KurrentDBClient, stream: str) -> None:
    """The next one is told."""
    client.create_subscription_to_stream(GROUP, stream, max_subscriber_count=1)
    with reading(client, stream), pytest.raises(MaximumSubscriptionsReachedError):
        reading(client, stream)


def test_a_group_to_all_passes_over_what_it_does_not_want(
    client: KurrentDBClient, stream: str
) -> None:
    """And is shown with its place."""
    client.create_subscription_to_all(
        stream, from_end=True, filter_include=[f"{stream}-wanted"], filter_by_stream_name=True
    )
    for number in range(30):
        filled(client, f"{stream}-{'wanted' if number % 10 == 9 else 'other'}", 1)
    with client.read_subscription_to_all(stream) as subscription:
        events = taken(subscription, 3)
        assert {e.stream_name for e in events} == {f"{stream}-wanted"}
        info = client.get_subscription_info(stream)
        assert (info.event_source, info.start_from) == ("$all", "C:-1/P:-1")
        assert info.last_known_event_position.startswith("C:")
    client.delete_subscription(stream)


def test_how_a_group_stands_is_told(client: KurrentDBClient, stream: str) -> None:
    """Its settings, its consumers and what they have not answered."""
    filled(client, stream, 3)
    client.create_subscription_to_stream(GROUP, stream, stream_position=1, message_timeout=12)
    with reading(client, stream, buffer=7) as subscription:
        next(subscription)
        next(subscription)
        info = client.get_subscription_info(GROUP, stream)
        [connection] = info.connections
        assert (info.group_name, info.start_from, info.status) == (GROUP, "1", "Live")
        assert info.message_timeout == 12
        assert (connection.in_flight_messages, connection.available_slots) == (2, 5)
        listed = client.list_subscriptions_to_stream(stream)
        assert [one.group_name for one in listed] == [GROUP]
        assert stream in {one.event_source for one in client.list_subscriptions()}


def test_an_update_keeps_the_group_and_drops_its_consumers(
    client: KurrentDBClient, stream: str
) -> None:
    """They are told."""
    filled(client, stream, 1)
    client.create_subscription_to_stream(GROUP, stream)
    subscription = reading(client, stream)
    taken(subscription, 1)
    client.update_subscription_to_stream(GROUP, stream, max_retry_count=2)
    with pytest.raises((KurrentDBClientError, StopIteration)):
        next(subscription)
    subscription.stop()
    assert client.get_subscription_info(GROUP, stream).max_retry_count == 2


def test_a_group_outlives_the_server(own_served: Served) -> None:
    """Where it was, and what it has parked; what was not acknowledged comes again."""
    with KurrentDBClient(own_served.esdb) as client:
        filled(client, "s", 5)
        client.create_subscription_to_stream(GROUP, "s", min_checkpoint_count=1)
        with reading(client, "s") as subscription:
            taken(subscription, 2)
            subscription.nack(next(subscription), action="park")
            _wait_for_parked(client, "s", 1)
    own_served.stop()
    own_served.start()
    with KurrentDBClient(own_served.esdb) as client:
        with reading(client, "s") as subscription:
            assert [e.stream_position for e in taken(subscription, 2)] == [3, 4]
            client.replay_parked_events(GROUP, "s")
            assert [e.stream_position for e in taken(subscription, 1)] == [2]
        assert all(not e.type.startswith("$>") for e in client.read_all()), (
            "what groups write down is hidden by the usual filter"
        )


def _wait_for_parked(client: KurrentDBClient, stream: str, count: int) -> None:
    deadline = time.monotonic() + 10
    while client.get_subscription_info(GROUP, stream).parked_message_count != count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_group_cannot_begin_behind_the_end(client: KurrentDBClient, stream: str) -> None:
    """A position that the log does not have yet is a mistake."""
    with pytest.raises(KurrentDBClientError):
        client.create_subscription_to_all(stream, commit_position=10**12)
    with pytest.raises(NotFoundError):
        client.get_subscription_info(stream)


def test_a_consumer_that_says_stop_keeps_its_event(client: KurrentDBClient, stream: str) -> None:
    """It is as if it had said nothing: the event goes to the next one."""
    filled(client, stream, 1)
    client.create_subscription_to_stream(GROUP, stream)
    with reading(client, stream) as first:
        first.nack(next(first), action="stop")
    with reading(client, stream) as second:
        [event] = taken(second, 1)
    assert event.stream_position == 0
    assert client.get_subscription_info(GROUP, stream).parked_message_count == 0


def test_with_a_larger_buffer_what_is_there_comes_before_what_is_tried_again(
    client: KurrentDBClient, stream: str
) -> None:
    """Events that were sent already cannot be overtaken."""
    filled(client, stream, 3)
    client.create_subscription_to_stream(GROUP, stream)
    with reading(client, stream, buffer=10) as subscription:
        subscription.nack(next(subscription), action="retry")
        assert [e.stream_position for e in taken(subscription, 3)] == [1, 2, 0]


def test_an_update_keeps_the_filter_of_a_group_to_all(client: KurrentDBClient, stream: str) -> None:
    """And what passes by it is behind the group, so that it need not be read again."""
    client.create_subscription_to_all(
        stream, from_end=True, filter_include=[f"{stream}-wanted"], filter_by_stream_name=True
    )
    client.update_subscription_to_all(
        stream, min_checkpoint_count=1, max_checkpoint_count=5, checkpoint_after=0.1
    )
    with client.read_subscription_to_all(stream) as subscription:
        filled(client, f"{stream}-other", 20)
        deadline = time.monotonic() + 10
        before = client.get_commit_position()
        while not _reached(client.get_subscription_info(stream), before):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        filled(client, f"{stream}-wanted", 1)
        assert taken(subscription, 1)[0].stream_name == f"{stream}-wanted"


def _reached(info: SubscriptionInfo, position: int) -> bool:
    """Say whether a group to `$all` has written down that it came as far as *position*."""
    said = info.last_checkpointed_event_position
    return said.startswith("C:") and int(said[2:].partition("/")[0]) >= position


def test_a_restart_of_the_subsystem_drops_consumers_and_loses_nothing(
    own_served: Served,
) -> None:
    """They come back, and go on; Python's client has no word for this call."""
    with KurrentDBClient(own_served.esdb) as client:
        filled(client, "s", 2)
        client.create_subscription_to_stream(GROUP, "s")
        subscription = reading(client, "s")
        assert next(subscription).stream_position == 0
        path = "/event_store.client.persistent_subscriptions.PersistentSubscriptions"
        with channel_to(own_served) as channel:
            restart = channel.unary_unary(
                f"{path}/RestartSubsystem", lambda data: data, lambda data: data
            )
            assert restart(b"", timeout=10) == b""
        with pytest.raises(KurrentDBClientError):
            deque(subscription, maxlen=0)
        with reading(client, "s") as again:
            assert [e.stream_position for e in taken(again, 2)] == [0, 1]

"""Reading streams and `$all`: bounds, directions, options, what is hidden."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

import grpc
import pytest
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import NotFoundError, StreamIsDeletedError
from kurrentdbclient.protos.v1 import shared_pb2, streams_pb2

from tests.services.eventstoredb.raw import all_read, read_of
from tests.services.eventstoredb.served import Served

ANY = StreamState.ANY
Options = streams_pb2.ReadReq.Options


def filled(client: KurrentDBClient, stream: str, count: int, kind: str = "happened") -> list[int]:
    """Append so many events and return their positions."""
    events = [NewEvent(type=kind, data=b'{"n": %d}' % n) for n in range(count)]
    client.append_to_stream(stream, current_version=ANY, events=events)
    return [e.commit_position or 0 for e in client.get_stream(stream)]


@pytest.mark.parametrize(
    ("position", "backwards", "limit", "revisions"),
    [
        (None, False, 100, [0, 1, 2, 3, 4]),
        (0, False, 2, [0, 1]),
        (3, False, 100, [3, 4]),
        (5, False, 100, []),
        (99, False, 100, []),
        (None, True, 100, [4, 3, 2, 1, 0]),
        (None, True, 1, [4]),
        (2, True, 100, [2, 1, 0]),
        (0, True, 100, [0]),
        (99, True, 2, [4, 3]),
    ],
)
def test_a_stream_is_read_from_anywhere_both_ways(
    client: KurrentDBClient,
    stream: str,
    position: int | None,
    backwards: bool,  # noqa: FBT001 - a parameter of the test
    limit: int,
    revisions: list[int],
) -> None:
    """The revision named is read, too; beyond the end is no error."""
    filled(client, stream, 5)
    read = client.get_stream(stream, stream_position=position, backwards=backwards, limit=limit)
    assert [e.stream_position for e in read] == revisions


def test_all_is_read_behind_and_before_a_position(client: KurrentDBClient, stream: str) -> None:
    """Forwards the position named is read, too; backwards it is not."""
    positions = filled(client, stream, 4)
    forwards = client.read_all(commit_position=positions[1], limit=2)
    assert [e.commit_position for e in forwards] == positions[1:3]
    backwards = client.read_all(commit_position=positions[2], backwards=True, limit=2)
    assert [e.commit_position for e in backwards] == [positions[1], positions[0]]


def test_all_begins_with_a_system_event(client: KurrentDBClient) -> None:
    """Clients rely on it."""
    first = next(iter(client.read_all(filter_exclude=(), limit=1)))
    assert first.type.startswith("$")
    assert list(client.read_all(commit_position=0, backwards=True)) == []


def test_every_event_has_a_position_of_its_own(client: KurrentDBClient, stream: str) -> None:
    """Rising, and the same as prepare position."""
    positions = filled(client, stream, 3)
    assert positions == sorted(set(positions))
    assert all(e.commit_position == e.prepare_position for e in client.get_stream(stream))


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({"filter_include": ["one-.*"]}, {"one-x", "one-y"}),
        ({"filter_include": ["one-x", "two-z"]}, {"one-x", "two-z"}),
        ({"filter_exclude": ["one-x"]}, {"one-y", "two-z"}),
        (
            {"filter_include": ["one-", "two-"], "filter_by_prefix": True},
            {"one-x", "one-y", "two-z"},
        ),
    ],
)
def test_all_is_filtered_by_type(
    client: KurrentDBClient, stream: str, options: dict[str, object], kinds: set[str]
) -> None:
    """By expressions that look ahead, and by prefixes."""
    before = client.get_commit_position(filter_exclude=())
    for kind in ("one-x", "one-y", "two-z"):
        filled(client, f"{stream}-{kind}", 1, kind)
    read = client.read_all(commit_position=before + 1, **options)  # type: ignore[arg-type]  # by name
    assert {e.type for e in read} == kinds


def test_all_is_filtered_by_stream(client: KurrentDBClient, stream: str) -> None:
    """By an expression, which is searched for, and by a prefix."""
    for name in (f"{stream}-a", f"{stream}-b", f"x{stream}-a"):
        filled(client, name, 2)
    by_name = client.read_all(filter_include=[f"{stream}-a"], filter_by_stream_name=True)
    assert {e.stream_name for e in by_name} == {f"{stream}-a"}
    by_prefix = client.read_all(
        filter_include=[stream], filter_by_stream_name=True, filter_by_prefix=True, limit=3
    )
    assert [e.stream_name for e in by_prefix] == [f"{stream}-a", f"{stream}-a", f"{stream}-b"]


def test_a_limit_counts_what_matches(client: KurrentDBClient, stream: str) -> None:
    """Not what was looked at."""
    for number in range(3):
        filled(client, f"{stream}-{number}", 40)
        filled(client, f"{stream}-{number}", 1, kind=f"rare-{stream}")
    read = client.read_all(filter_include=[f"rare-{stream}"], limit=2)
    assert [e.stream_name for e in read] == [f"{stream}-0", f"{stream}-1"]


def test_ten_thousand_events_are_read(client: KurrentDBClient, stream: str) -> None:
    """In order, forwards and backwards."""
    for begin in range(0, 10_000, 2_500):
        events = [NewEvent(type="n", data=b"%d" % number) for number in range(begin, begin + 2_500)]
        client.append_to_stream(stream, current_version=ANY, events=events)
    read = client.get_stream(stream)
    assert [int(e.data) for e in read] == list(range(10_000))
    backwards = client.get_stream(stream, backwards=True, limit=6_000)
    assert [int(e.data) for e in backwards] == list(range(9_999, 3_999, -1))


@pytest.mark.parametrize(
    ("metadata", "revisions"),
    [
        ({"$maxCount": 2}, [3, 4]),
        ({"$tb": 3}, [3, 4]),
        ({"$maxCount": 3, "$tb": 1}, [2, 3, 4]),
        ({"$maxCount": 100}, [0, 1, 2, 3, 4]),
        ({"$maxAge": 3_600}, [0, 1, 2, 3, 4]),
        ({"$tb": 5}, None),
        ({"$maxCount": 0, "$tb": "3", "$maxAge": None}, [0, 1, 2, 3, 4]),
    ],
)
def test_a_truncated_stream_begins_later(
    client: KurrentDBClient, stream: str, metadata: dict[str, object], revisions: list[int] | None
) -> None:
    """In the stream, both ways; not in `$all`."""
    positions = filled(client, stream, 5)
    client.set_stream_metadata(stream, metadata=metadata, current_version=ANY)
    if revisions is None:
        with pytest.raises(NotFoundError):
            client.get_stream(stream)
    else:
        read = client.get_stream(stream)
        assert [e.stream_position for e in read] == revisions
        backwards = client.get_stream(stream, stream_position=4, backwards=True)
        assert [e.stream_position for e in backwards] == revisions[::-1]
    logged = client.read_all(commit_position=positions[0], limit=5)
    assert [e.commit_position for e in logged] == positions


def test_metadata_are_read_as_the_newest_alone(client: KurrentDBClient, stream: str) -> None:
    """And may be anything, though only an object says something."""
    for number in range(3):
        client.set_stream_metadata(stream, metadata={"n": number}, current_version=ANY)
    assert client.get_stream_metadata(stream) == ({"n": 2}, 2)
    assert [e.stream_position for e in client.get_stream(f"$${stream}")] == [2]
    filled(client, stream, 1)
    nonsense = NewEvent(type="$metadata", data=b"no json")
    client.append_to_stream(f"$${stream}", current_version=2, events=nonsense)
    assert len(client.get_stream(stream)) == 1


def test_a_stream_without_events_is_not_found(client: KurrentDBClient, stream: str) -> None:
    """One never written to, and one that has only metadata."""
    with pytest.raises(NotFoundError):
        client.get_stream(stream)
    client.set_stream_metadata(stream, metadata={}, current_version=ANY)
    with pytest.raises(NotFoundError):
        client.get_stream(stream)
    assert client.get_current_version(stream) is StreamState.NO_STREAM


def test_a_stream_with_a_tombstone_cannot_be_read(client: KurrentDBClient, stream: str) -> None:
    """Nor can its metadata; `$all` shows all of it."""
    positions = filled(client, stream, 2)
    client.tombstone_stream(stream, current_version=1)
    for name in (stream, f"$${stream}"):
        with pytest.raises(StreamIsDeletedError):
            client.get_stream(name)
    logged = list(client.read_all(commit_position=positions[0], filter_exclude=(), limit=3))
    assert [e.type for e in logged] == ["happened", "happened", "$streamDeleted"]
    assert logged[-1].stream_position == 2**63 - 1


def test_ids_come_in_the_form_asked_for(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """As text, or as two integers."""
    event = NewEvent(type="a", data=b"{}", id=UUID("f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f"))
    client.append_to_stream(stream, current_version=ANY, events=event)
    option = Options.UUIDOption(structured=shared_pb2.Empty())
    [answer] = all_read(served, read_of(stream, uuid_option=option))
    halves = answer.event.event.id.structured
    packed = (halves.most_significant_bits << 64) | (halves.least_significant_bits % 2**64)
    assert packed % 2**128 == event.id.int
    [answer] = all_read(served, read_of(stream))
    assert answer.event.event.id.string == str(event.id)


def test_the_time_is_told_in_ticks(served: Served, client: KurrentDBClient, stream: str) -> None:
    """Of 100 nanoseconds since 1970."""
    client.append_to_stream(stream, current_version=ANY, events=NewEvent(type="a", data=b"{}"))
    [answer] = all_read(served, read_of(stream))
    [event] = client.get_stream(stream)
    assert event.recorded_at is not None
    ticks = int(answer.event.event.metadata["created"])
    assert ticks == round(event.recorded_at.timestamp() * 1_000_000) * 10


def test_the_last_revision_is_told_to_those_who_understand(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """With compatibility 1, after the events."""
    filled(client, stream, 3)
    option = Options.ControlOption(compatibility=1)
    answers = all_read(served, read_of(stream, control_option=option, count=2))
    assert [answer.WhichOneof("content") for answer in answers] == [
        "event",
        "event",
        "last_stream_position",
    ]
    assert answers[-1].last_stream_position == 2
    assert len(all_read(served, read_of(stream, count=2))) == 2


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ({}, ["first_stream_position", "event", "event", "last_stream_position"]),
        ({"count": 40}, ["first_stream_position", "event", "event", "last_stream_position"]),
        ({"control_option": Options.ControlOption(compatibility=0)}, ["event", "event"]),
        ({"read_direction": Options.Backwards}, ["event", "event", "last_stream_position"]),
    ],
)
def test_the_first_revision_is_told_when_what_was_asked_for_is_cut_off(
    served: Served, client: KurrentDBClient, stream: str, asked: dict[str, object], kinds: list[str]
) -> None:
    """Before the events; a read that begins a little before them just begins with them."""
    filled(client, stream, 42)
    client.set_stream_metadata(stream, metadata={"$tb": 40}, current_version=ANY)
    control = {"control_option": Options.ControlOption(compatibility=1)}
    request = read_of(stream, **control | asked)
    if "read_direction" in asked:
        request.options.stream.end.SetInParent()
    answers = all_read(served, request)
    assert [answer.WhichOneof("content") for answer in answers] == kinds
    assert all(
        a.first_stream_position == 40 for a in answers if a.HasField("first_stream_position")
    )
    near = read_of(stream, **control)
    near.options.stream.revision = 10
    assert all_read(served, near)[0].HasField("event")


def test_links_that_lead_nowhere_come_alone(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """To what never was, is cut off, deleted or ended, and what is no link at all."""
    gone = {kind: f"{stream}-{kind}" for kind in ("there", "cut", "deleted", "ended")}
    for name in gone.values():
        filled(client, name, 2)
    client.set_stream_metadata(gone["cut"], metadata={"$tb": 1}, current_version=ANY)
    client.delete_stream(gone["deleted"], current_version=ANY)
    client.tombstone_stream(gone["ended"], current_version=ANY)
    names = [f"0@{name}" for name in gone.values()]
    names += [f"7@{gone['there']}", f"0@{stream}-never", "no link", "-1@a", "1", ""]
    links = [
        NewEvent(type="$>", data=n.encode(), content_type="application/octet-stream") for n in names
    ]
    client.append_to_stream(stream, current_version=ANY, events=links)
    resolved = all_read(served, read_of(stream, resolve_links=True))
    assert [a.event.HasField("event") for a in resolved] == [True] + 5 * [False] + 4 * [True]
    assert [a.event.HasField("link") for a in resolved] == 6 * [True] + 4 * [False]
    assert resolved[0].event.event.stream_identifier.stream_name == gone["there"].encode()
    assert resolved[0].event.commit_position == resolved[0].event.link.commit_position
    plain = all_read(served, read_of(stream))
    assert [a.event.event.data.decode() for a in plain] == names


def test_all_hides_what_groups_to_it_write_down(client: KurrentDBClient) -> None:
    """Their checkpoints and what they parked; other system events are shown."""
    client.create_subscription_to_all("hidden", filter_include=["parked"], from_end=True)
    before = client.get_commit_position(filter_exclude=())
    with client.read_subscription_to_all("hidden") as group:
        filled(client, "hidden-1", 1, "parked")
        group.nack(next(group), "park")
        deadline = time.monotonic() + 10
        while client.get_subscription_info("hidden").parked_message_count < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    shown = client.read_all(commit_position=before, filter_exclude=())
    assert not [e.stream_name for e in shown if "$persistentsubscription-$all" in e.stream_name]


def _filtered(options: Options, **said: object) -> None:
    """Give *options* a filter by type, which says this of itself."""
    options.filter.CopyFrom(
        Options.FilterOptions(
            event_type=Options.FilterOptions.Expression(prefix=["a"]),
            **said,  # type: ignore[arg-type]  # by name
        )
    )


def _backwards_subscription(options: Options) -> None:
    options.subscription.SetInParent()
    options.read_direction = Options.Backwards


def _bad_expression(options: Options) -> None:
    _filtered(options, max=32, checkpointIntervalMultiplier=1)
    options.filter.event_type.regex = "("


def _filtered_stream(options: Options) -> None:
    options.stream.stream_identifier.stream_name = b"s"
    _filtered(options, max=32, checkpointIntervalMultiplier=1)


def _impossible_position(options: Options) -> None:
    options.all.position.commit_position, options.all.position.prepare_position = 1, 2


NONSENSE: dict[str, Callable[[Options], object]] = {
    "neither count nor subscription": lambda said: said.ClearField("count"),
    "no form of ids": lambda said: said.ClearField("uuid_option"),
    "no filter and no word of it": lambda said: said.ClearField("no_filter"),
    "neither stream nor all": lambda said: said.ClearField("all"),
    "a subscription backwards": _backwards_subscription,
    "a filter without a window": lambda said: _filtered(said, checkpointIntervalMultiplier=1),
    "a filter of nothing": lambda said: setattr(said.filter, "max", 32),
    "a multiplier of none": lambda said: _filtered(said, max=32),
    "an expression that is none": _bad_expression,
    "a position that cannot be": _impossible_position,
    "a position too large": lambda said: setattr(said.all.position, "commit_position", 2**63),
    "a filter on a stream": _filtered_stream,
    "a stream without a name": lambda said: said.stream.start.SetInParent(),
    "a name that is no text": lambda said: setattr(
        said.stream.stream_identifier, "stream_name", b"\xff"
    ),
}


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_options_that_do_not_go_together_are_refused(served: Served, nonsense: str) -> None:
    """With the status of an invalid argument, and a text that says why."""
    request = read_of(None)
    NONSENSE[nonsense](request.options)
    with pytest.raises(grpc.RpcError) as caught:
        all_read(served, request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details()

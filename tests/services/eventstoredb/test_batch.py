"""BatchAppend by its messages: many appends in one call, answered one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.protos.v1 import shared_pb2 as shared
from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory.server.settings import ServerSettings
from tests.services.eventstoredb.raw import STREAMS, asked
from tests.services.eventstoredb.served import Served

EVENT = {"type": "happened", "content-type": "application/json"}
ANY: Mapping[str, Empty | int] = {"any": Empty()}
PREFIX = "type.googleapis.com/event_store.client."


def proposed(size: int = 2, metadata: dict[str, str] = EVENT) -> pb.BatchAppendReq.ProposedMessage:
    """Return an event of *size* bytes."""
    message = pb.BatchAppendReq.ProposedMessage(data=b'"' + b"x" * (size - 2) + b'"')
    message.id.string = str(uuid4())
    message.metadata.update(metadata)
    return message


def appending(
    stream: str | bytes,
    events: Sequence[pb.BatchAppendReq.ProposedMessage],
    *,
    correlation: str | None = None,
    final: bool = True,
    expected: Mapping[str, Empty | int] = ANY,
) -> pb.BatchAppendReq:
    """Return the options of an append and its first events."""
    message = pb.BatchAppendReq(proposed_messages=events, is_final=final)
    message.correlation_id.string = correlation or str(uuid4())
    options = message.options
    options.stream_identifier.stream_name = stream.encode() if isinstance(stream, str) else stream
    for name, value in expected.items():
        if isinstance(value, int):
            setattr(options, name, value)
        else:
            getattr(options, name).CopyFrom(value)
    return message


def sent(served: Served, *requests: pb.BatchAppendReq) -> list[pb.BatchAppendResp]:
    """Return the answers to *requests*, sent in one call."""
    return asked(served, f"{STREAMS}BatchAppend", requests, pb.BatchAppendResp)


def refused(served: Served, message: pb.BatchAppendReq) -> tuple[int, str]:
    """Return the code that an append is refused with, and the message that says why by name."""
    [answer] = sent(served, message)
    assert answer.WhichOneof("result") == "error"
    assert answer.error.message
    url = answer.error.details.type_url
    assert url.startswith(PREFIX)
    return answer.error.code, url.removeprefix(PREFIX)


@pytest.mark.parametrize(
    "expected",
    [ANY, {"no_stream": Empty()}, {"stream_position": 2**64 - 1}],
    ids=["any", "no stream", "a revision beyond all"],
)
def test_an_answer_says_whose_it_is(
    served: Served, stream: str, expected: Mapping[str, Empty | int]
) -> None:
    """The correlation as it was sent, the stream, and what was expected of it."""
    message = appending(stream, [proposed()], expected=expected)
    message.correlation_id.structured.most_significant_bits = -5
    message.correlation_id.structured.least_significant_bits = 7
    [answer] = sent(served, message)
    assert answer.correlation_id == message.correlation_id
    assert answer.stream_identifier.stream_name == stream.encode()
    [name] = expected
    assert answer.WhichOneof("expected_stream_position") == name


def test_an_append_comes_in_parts_between_those_of_another(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """Each is answered when its last part has come; parts of an append nobody began are ignored."""
    one, other, nobody = (str(uuid4()) for _ in range(3))

    def part(correlation: str, *, final: bool = False) -> pb.BatchAppendReq:
        message = pb.BatchAppendReq(proposed_messages=[proposed()], is_final=final)
        message.correlation_id.string = correlation
        return message

    answers = sent(
        served,
        appending(f"{stream}-1", [proposed()], correlation=one, final=False),
        part(nobody, final=True),
        appending(f"{stream}-2", [proposed()], correlation=other, final=False),
        part(one),
        part(other, final=True),
        part(one, final=True),
    )
    assert [answer.correlation_id.string for answer in answers] == [other, one]
    assert [answer.success.current_revision for answer in answers] == [1, 2]
    assert len(client.get_stream(f"{stream}-1")) == 3


@pytest.fixture(params=["memory", "SQLite", "PostgreSQL"])
def any_served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """Serve each kind of store in turn."""
    url = {"memory": "memory:", "SQLite": f"sqlite:///{tmp_path}/events.db"}.get(request.param)
    if url is None:
        url = request.getfixturevalue("postgres_url")
    server = Served(url)
    yield server
    server.close()


def test_appends_to_one_stream_may_expect_each_other(any_served: Served, stream: str) -> None:
    """Sent at once, each expects the revision that the one before makes."""
    same = [appending(stream, [proposed()], expected={"no_stream": Empty()})]
    for number in range(60):
        expected = {"stream_position": number}
        same.append(appending(stream, [proposed()], expected=expected))
    answers = sent(any_served, *same)
    assert sorted(a.success.current_revision for a in answers) == list(range(61))


def test_appends_are_written_in_the_order_they_came(any_served: Served) -> None:
    """Whatever their streams are: with metadata, deleted, or new; and what is refused waits not."""
    with KurrentDBClient(any_served.esdb) as client:
        for number in range(0, 120, 3):
            client.set_stream_metadata(
                f"s-{number}", metadata={"$maxCount": 5}, current_version=StreamState.ANY
            )
    many = [appending(f"s-{number}", [proposed()]) for number in range(120)]
    late = appending("s-late", [proposed()])
    late.options.deadline.CopyFrom(Duration(seconds=0))
    answers = sent(any_served, *many[:50], late, *many[50:])
    stands = {a.correlation_id.string: a.success.position.commit_position for a in answers}
    positions = [stands[message.correlation_id.string] for message in many]
    assert min(positions) > 0
    assert positions == sorted(positions)
    assert stands[late.correlation_id.string] == 0


def test_an_append_of_nothing_has_no_position(served: Served, stream: str) -> None:
    """Nor a revision, where there is no stream."""
    [answer] = sent(served, appending(stream, []))
    assert answer.success.WhichOneof("current_revision_option") == "no_stream"
    assert answer.success.WhichOneof("position_option") == "no_position"


@pytest.mark.parametrize("deadline", [Duration(seconds=315_576_000_000), Duration(seconds=5)])
def test_a_deadline_may_be_as_long_as_it_likes(
    served: Served, stream: str, deadline: Duration
) -> None:
    """Ten thousand years is what clients say who have none."""
    message = appending(stream, [proposed()])
    message.options.deadline.CopyFrom(deadline)
    [answer] = sent(served, message)
    assert answer.success.current_revision == 0


@pytest.mark.parametrize("past", [Duration(seconds=0), Duration(seconds=-1), Timestamp(seconds=5)])
def test_a_deadline_that_has_passed_is_a_timeout(
    served: Served, client: KurrentDBClient, stream: str, past: Duration | Timestamp
) -> None:
    """And nothing is written."""
    message = appending(stream, [proposed()])
    if isinstance(past, Timestamp):
        message.options.deadline_21_10_0.CopyFrom(past)
    else:
        message.options.deadline.CopyFrom(past)
    assert refused(served, message) == (4, "Timeout")
    assert client.get_current_version(stream) is StreamState.NO_STREAM


def test_a_conflict_tells_what_was_expected_and_what_is(served: Served, stream: str) -> None:
    """By the fields of the message, and in the words of 25.0."""
    sent(served, appending(stream, [proposed()]))
    message = appending(stream, [proposed()], expected={"stream_position": 7})
    assert refused(served, message) == (6, "WrongExpectedVersion")
    [answer] = sent(served, message)
    told = shared.WrongExpectedVersion()
    assert answer.error.details.Unpack(told)
    assert (told.current_stream_revision, told.expected_stream_position) == (0, 7)
    assert "Expected version: 7, Actual version: 0" in answer.error.message
    [answer] = sent(
        served, appending(f"{stream}-new", [proposed()], expected={"stream_exists": Empty()})
    )
    assert answer.error.details.Unpack(told)
    assert (told.WhichOneof("current_stream_revision_option")) == "current_no_stream"
    assert "Actual version: -1" in answer.error.message


def test_an_ended_stream_is_told_by_name(
    served: Served, client: KurrentDBClient, stream: str
) -> None:
    """As not found, where Append says that a condition failed."""
    client.tombstone_stream(stream, current_version=StreamState.ANY)
    assert refused(served, appending(stream, [proposed()])) == (5, "StreamDeleted")
    [answer] = sent(served, appending(stream, [proposed()]))
    told = shared.StreamDeleted()
    assert answer.error.details.Unpack(told)
    assert told.stream_identifier.stream_name == stream.encode()


@pytest.mark.parametrize("stream", ["", "$$", "$all", "$idx-all", b"\xff", "a\u202eb", "x" * 1_001])
def test_a_name_that_no_stream_has_is_a_bad_request(served: Served, stream: str | bytes) -> None:
    """And the other appends of the call go on."""
    assert refused(served, appending(stream, [proposed()])) == (3, "BadRequest")
    good = appending(f"good-{uuid4()}", [proposed()])
    answers = sent(served, appending(stream, [proposed()]), good)
    assert {a.WhichOneof("result") for a in answers} == {"error", "success"}


@pytest.mark.parametrize("metadata", [{"type": "a"}, {"content-type": "application/json"}])
def test_an_event_says_of_which_type_it_is(
    served: Served, client: KurrentDBClient, stream: str, metadata: dict[str, str]
) -> None:
    """And whether it is JSON; of an append in parts nothing is written."""
    message = appending(stream, [proposed(), proposed(metadata=metadata)])
    assert refused(served, message) == (3, "BadRequest")
    assert client.get_current_version(stream) is StreamState.NO_STREAM


@pytest.mark.parametrize("sizes", [[1_500], [900, 900, 900]])
def test_what_is_too_large_is_told_with_the_limit(sizes: list[int]) -> None:
    """Whether one event is, or all together."""
    served = Served(settings=ServerSettings(port=0, max_event_bytes=1_000, max_append_bytes=2_000))
    try:
        message = appending("a", [proposed(size) for size in sizes])
        assert refused(served, message) == (3, "MaximumAppendSizeExceeded")
        with KurrentDBClient(served.esdb) as client:
            client.append_to_stream(
                "a", current_version=StreamState.NO_STREAM, events=NewEvent(type="a", data=b"{}")
            )
    finally:
        served.close()

"""Appending through the official client for Python: protocol rules of expected revisions."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import (
    FailedPreconditionError,
    StreamIsDeletedError,
    WrongCurrentVersionError,
)
from kurrentdbclient.protos.v1 import streams_pb2 as pb

from tests.services.eventstoredb.raw import STREAMS, asked
from tests.services.eventstoredb.served import Served

DELETED = (StreamIsDeletedError, FailedPreconditionError)
"""What the client makes of it: the first of BatchAppend, the second of Append."""

ANY, NO_STREAM, EXISTS = StreamState.ANY, StreamState.NO_STREAM, StreamState.EXISTS


def event(**data: object) -> NewEvent:
    """Return an event with an id of its own."""
    return NewEvent(type="happened", data=b"{}", **data)  # type: ignore[arg-type]  # by name


def test_one_event_goes_by_append_and_several_by_batch(
    client: KurrentDBClient, stream: str
) -> None:
    """Both answer the position of the last event."""
    first = client.append_to_stream(stream, current_version=NO_STREAM, events=event())
    second = client.append_to_stream(stream, current_version=0, events=[event(), event()])
    read = client.get_stream(stream)
    assert [e.stream_position for e in read] == [0, 1, 2]
    assert [read[0].commit_position, read[2].commit_position] == [first, second]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("expected", [EXISTS, 0])
def test_a_stream_that_never_was_is_not_found(
    client: KurrentDBClient, stream: str, *, several: bool, expected: StreamState | int
) -> None:
    """Actual version -1, in both services."""
    events = [event()] if several else event()
    with pytest.raises(WrongCurrentVersionError, match="does not exist"):
        client.append_to_stream(stream, current_version=expected, events=events)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("expected", [NO_STREAM, 0, 9])
def test_a_wrong_revision_is_told(
    client: KurrentDBClient, stream: str, *, several: bool, expected: StreamState | int
) -> None:
    """And nothing is written."""
    client.append_to_stream(stream, current_version=ANY, events=[event(), event()])
    events = [event()] if several else event()
    with pytest.raises(WrongCurrentVersionError):
        client.append_to_stream(stream, current_version=expected, events=events)
    assert len(client.get_stream(stream)) == 2


@pytest.mark.parametrize("expected", [ANY, EXISTS, NO_STREAM])
def test_a_repeated_append_answers_the_same_position(
    client: KurrentDBClient, stream: str, expected: StreamState
) -> None:
    """Whether others appended meanwhile or not."""
    events = [event(), event()]
    first_try = NO_STREAM if expected is NO_STREAM else ANY
    first = client.append_to_stream(stream, current_version=first_try, events=events)
    client.append_to_stream(stream, current_version=ANY, events=event())
    again = client.append_to_stream(stream, current_version=expected, events=events)
    assert again == first
    assert len(client.get_stream(stream)) == 3


def test_half_a_repetition_is_a_conflict(client: KurrentDBClient, stream: str) -> None:
    """A known id before an unknown one cannot be told apart from a mistake."""
    known = event()
    client.append_to_stream(stream, current_version=NO_STREAM, events=[known])
    for expected in (ANY, EXISTS, NO_STREAM):
        with pytest.raises(WrongCurrentVersionError):
            client.append_to_stream(stream, current_version=expected, events=[known, event()])


def test_one_id_may_stand_in_two_streams(client: KurrentDBClient, stream: str) -> None:
    """Idempotency is a matter of one stream."""
    same = event(id=uuid4())
    for name in (stream, f"{stream}-other"):
        client.append_to_stream(name, current_version=NO_STREAM, events=same)
        assert [e.id for e in client.get_stream(name)] == [same.id]


def test_an_append_of_nothing_asks_whether_the_stream_is_as_expected(
    client: KurrentDBClient, stream: str
) -> None:
    """It writes nothing."""
    client.append_to_stream(stream, current_version=NO_STREAM, events=[])
    client.append_to_stream(stream, current_version=ANY, events=[event()])
    client.append_to_stream(stream, current_version=0, events=[])
    with pytest.raises(WrongCurrentVersionError):
        client.append_to_stream(stream, current_version=5, events=[])
    assert len(client.get_stream(stream)) == 1


def test_an_append_of_nothing_knows_what_a_stream_is(client: KurrentDBClient, stream: str) -> None:
    """By the same rules: of metadata alone it exists, deleted it does not, ended it is deleted."""
    client.set_stream_metadata(stream, metadata={"owner": "ops"}, current_version=NO_STREAM)
    for expected in (ANY, NO_STREAM, EXISTS):
        client.append_to_stream(stream, current_version=expected, events=[])
    client.append_to_stream(stream, current_version=ANY, events=[event(), event()])
    client.delete_stream(stream, current_version=ANY)
    for going_on in (ANY, NO_STREAM, 1):
        client.append_to_stream(stream, current_version=going_on, events=[])
    with pytest.raises(DELETED, match="is deleted"):
        client.append_to_stream(stream, current_version=EXISTS, events=[])
    client.tombstone_stream(stream, current_version=ANY)
    with pytest.raises(DELETED, match="is deleted"):
        client.append_to_stream(stream, current_version=ANY, events=[])


def test_a_stream_of_metadata_alone_exists(client: KurrentDBClient, stream: str) -> None:
    """For those who expect that it exists, and for those who expect that it does not."""
    client.set_stream_metadata(stream, metadata={"owner": "ops"}, current_version=NO_STREAM)
    with pytest.raises(WrongCurrentVersionError):
        client.append_to_stream(stream, current_version=0, events=event())
    client.append_to_stream(stream, current_version=EXISTS, events=event())
    assert [e.stream_position for e in client.get_stream(stream)] == [0]
    other = f"{stream}-other"
    client.set_stream_metadata(other, metadata={"owner": "ops"}, current_version=NO_STREAM)
    client.append_to_stream(other, current_version=NO_STREAM, events=event())


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("expected", [ANY, EXISTS, NO_STREAM, 0, 1])
def test_nothing_is_appended_behind_a_tombstone(
    client: KurrentDBClient, stream: str, *, several: bool, expected: StreamState | int
) -> None:
    """Whatever is expected."""
    client.append_to_stream(stream, current_version=ANY, events=event())
    client.tombstone_stream(stream, current_version=0)
    events = [event()] if several else event()
    with pytest.raises(DELETED, match="is deleted"):
        client.append_to_stream(stream, current_version=expected, events=events)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("expected", [ANY, NO_STREAM, 1])
def test_a_deleted_stream_goes_on_with_its_numbers(
    client: KurrentDBClient, stream: str, *, several: bool, expected: StreamState | int
) -> None:
    """What was deleted stays hidden."""
    client.append_to_stream(stream, current_version=ANY, events=[event(), event()])
    client.delete_stream(stream, current_version=1)
    events = [event()] if several else event()
    client.append_to_stream(stream, current_version=expected, events=events)
    assert [e.stream_position for e in client.get_stream(stream)] == [2]
    assert client.get_stream_metadata(stream)[0]["$tb"] == 2


def test_a_deleted_stream_does_not_exist(client: KurrentDBClient, stream: str) -> None:
    """For those who expect that it exists it is deleted; for a wrong revision it is wrong."""
    client.append_to_stream(stream, current_version=ANY, events=[event(), event()])
    client.delete_stream(stream, current_version=ANY)
    with pytest.raises(DELETED, match="is deleted"):
        client.append_to_stream(stream, current_version=EXISTS, events=event())
    with pytest.raises(WrongCurrentVersionError):
        client.append_to_stream(stream, current_version=7, events=event())


def test_every_byte_comes_back(client: KurrentDBClient, stream: str) -> None:
    """JSON as it was written, and what is no JSON at all."""
    given = [
        NewEvent(type="a", data=b'{"b": 1,\n "a": [1.50, "\xc3\xa4"]}', metadata=b'{"k":  "v"}'),
        NewEvent(type="b", data=b"no json", metadata=b"no json either"),
        NewEvent(type="c", data=b"\x00\xff\xfe", content_type="application/octet-stream"),
        NewEvent(type="d", data=b"{}", metadata=b"{}"),
        NewEvent(type="e", data=b"", metadata=b"[1]"),
        NewEvent(type="f", data=b"{}", metadata=b'{"$wire": {"data": true}}'),
    ]
    client.append_to_stream(stream, current_version=NO_STREAM, events=given)
    read = client.get_stream(stream)
    assert [(e.data, e.metadata, e.content_type, e.id) for e in read] == [
        (e.data, e.metadata, e.content_type, e.id) for e in given
    ]


def proposed(**metadata: str) -> pb.AppendReq:
    """Return the message of an event of which *metadata* is said."""
    message = pb.AppendReq()
    message.proposed_message.id.string = str(uuid4())
    message.proposed_message.data = b"{}"
    message.proposed_message.metadata.update(metadata)
    return message


def options(stream: str) -> pb.AppendReq:
    """Return the message that begins an append to *stream*."""
    message = pb.AppendReq()
    message.options.stream_identifier.stream_name = stream.encode()
    message.options.any.SetInParent()
    return message


WHOLE = {"type": "a", "content-type": "application/json"}


@pytest.mark.parametrize("missing", WHOLE)
def test_an_event_without_type_or_content_type_is_refused(
    served: Served, client: KurrentDBClient, stream: str, missing: str
) -> None:
    """With the trailers that name them; nothing is written, nor what came before."""
    half = {name: value for name, value in WHOLE.items() if name != missing}
    with pytest.raises(grpc.RpcError) as caught:
        asked(
            served, f"{STREAMS}Append", [options(stream), proposed(**WHOLE), proposed(**half)],
            pb.AppendResp,
        )  # fmt: skip
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    trailers = dict(caught.value.trailing_metadata())
    assert trailers["exception"] == "missing-required-metadata-property"
    assert trailers["required-metadata-properties"] == "type,content-type"
    assert client.get_current_version(stream) is NO_STREAM


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [proposed(**WHOLE)],
        [options("a"), options("a")],
        [pb.AppendReq()],
        [options("$all"), proposed(**WHOLE)],
        [options("$idx-ce-a"), proposed(**WHOLE)],
        [options("$$"), proposed(**WHOLE)],
        [options(""), proposed(**WHOLE)],
    ],
    ids=["nothing", "no options", "twice", "empty", "all", "an index", "metadata of none", "none"],
)
def test_an_append_that_makes_no_sense_is_refused(
    served: Served, messages: list[pb.AppendReq]
) -> None:
    """Messages out of order, and names that nobody may write to."""
    with pytest.raises(grpc.RpcError) as caught:
        asked(served, f"{STREAMS}Append", messages, pb.AppendResp)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details()


def test_a_conflict_is_told_in_the_fields_of_every_version(served: Served, stream: str) -> None:
    """With the status of a success: so Append does it."""
    taken = options(stream)
    taken.options.no_stream.SetInParent()
    ask = [taken, proposed(**WHOLE)]
    asked(served, f"{STREAMS}Append", ask, pb.AppendResp)
    ask[1] = proposed(**WHOLE)
    [answer] = asked(served, f"{STREAMS}Append", ask, pb.AppendResp)
    told = answer.wrong_expected_version
    assert (told.current_revision, told.current_revision_20_6_0) == (0, 0)
    assert told.WhichOneof("expected_revision_option") == "expected_no_stream"
    assert told.expected_revision_20_6_0 == 2**64 - 1

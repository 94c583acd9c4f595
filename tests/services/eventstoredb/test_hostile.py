"""What no well-behaved client sends: the server answers or hangs up, and serves the others on."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from typing import cast

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import KurrentDBClientError
from kurrentdbclient.protos.v1 import persistent_pb2, projections_pb2, streams_pb2

from backstory.server.settings import ServerSettings
from tests.services.eventstoredb.raw import STREAMS, channel_to
from tests.services.eventstoredb.served import Served

PERSISTENT = "/event_store.client.persistent_subscriptions.PersistentSubscriptions/"
PROJECTIONS = "/event_store.client.projections.Projections/"
METHODS: dict[str, type[Message]] = {
    f"{STREAMS}Read": streams_pb2.ReadReq,
    f"{STREAMS}Append": streams_pb2.AppendReq,
    f"{STREAMS}BatchAppend": streams_pb2.BatchAppendReq,
    f"{STREAMS}Delete": streams_pb2.DeleteReq,
    f"{STREAMS}Tombstone": streams_pb2.TombstoneReq,
    f"{PERSISTENT}Create": persistent_pb2.CreateReq,
    f"{PERSISTENT}Update": persistent_pb2.UpdateReq,
    f"{PERSISTENT}Delete": persistent_pb2.DeleteReq,
    f"{PERSISTENT}Read": persistent_pb2.ReadReq,
    f"{PERSISTENT}GetInfo": persistent_pb2.GetInfoReq,
    f"{PERSISTENT}ReplayParked": persistent_pb2.ReplayParkedReq,
    f"{PERSISTENT}List": persistent_pb2.ListReq,
    f"{PROJECTIONS}Create": projections_pb2.CreateReq,
    f"{PROJECTIONS}Update": projections_pb2.UpdateReq,
    f"{PROJECTIONS}Statistics": projections_pb2.StatisticsReq,
    f"{PROJECTIONS}State": projections_pb2.StateReq,
}
"""Methods and their messages."""

FORESEEN = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
}
"""How a call may end that makes no sense; UNKNOWN would be an error that nobody foresaw."""

_TEXT = st.sampled_from(["", "a", "$all", "$$a", "$ce-a", "a-1", "(", "0@a", "x" * 2_000, "\u202e"])
_NUMBERS = st.sampled_from([0, 1, 2, 31, 2**31 - 1])
_LARGE = st.sampled_from([0, 1, 5, 2**63 - 1, 2**63, 2**64 - 1])
_SIGNED = st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63)])


def _values(field: FieldDescriptor) -> st.SearchStrategy[object]:
    kinds: dict[int, st.SearchStrategy[object]] = {
        FieldDescriptor.TYPE_STRING: _TEXT,
        FieldDescriptor.TYPE_BYTES: st.one_of(_TEXT.map(str.encode), st.binary(max_size=20)),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_UINT64: _LARGE,
        FieldDescriptor.TYPE_INT64: _SIGNED,
        FieldDescriptor.TYPE_INT32: _NUMBERS,
        FieldDescriptor.TYPE_UINT32: _NUMBERS,
    }
    if field.message_type is not None:
        return messages(field.message_type)
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return kinds.get(field.type, _NUMBERS)


def messages(kind: Descriptor) -> st.SearchStrategy[dict[str, object]]:
    """Draw what may stand in a message: any of its fields, with values that stretch the rules."""

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, object]:
        fields: dict[str, object] = {}
        for field in kind.fields:
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                fields[field.name] = draw(st.dictionaries(_TEXT, _TEXT, max_size=2))
            elif draw(st.integers(0, 2)):  # two times of three
                value = draw(_values(field))
                fields[field.name] = [value] if field.is_repeated else value
        return fields

    return drawn()


def _send(served: Served, path: str, data: bytes) -> grpc.StatusCode:
    """Return how a call ends that sends *data* as its one message."""
    with channel_to(served) as channel:
        call = channel.stream_stream(path, lambda body: body, lambda body: body)
        # Subscriptions do not end by themselves; what matters here is that nothing breaks.
        answers = call(iter([data]), timeout=0.05)
        try:
            for _ in answers:
                pass
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        return grpc.StatusCode.OK


@pytest.mark.parametrize("path", METHODS)
def test_any_bytes_are_answered(hostile: Served, path: str) -> None:
    """Those of a message with every field set oddly, those of another message, and noise."""
    # That of projections is how 25.0 itself says that a name is taken, or that one still runs.
    foreseen = FORESEEN | ({grpc.StatusCode.UNKNOWN} if "Projections" in path else set())

    @given(
        st.one_of(messages(cast("Descriptor", METHODS[path].DESCRIPTOR)), st.binary(max_size=40))
    )
    def sends(drawn: dict[str, object] | bytes) -> None:
        data = drawn if isinstance(drawn, bytes) else METHODS[path](**drawn).SerializeToString()
        assert _send(hostile, path, data) in foreseen

    sends()
    _assert_alive(hostile)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Served]:
    """Serve a store that is only for these tests."""
    server = Served()
    yield server
    server.close()


def _assert_alive(served: Served) -> None:
    """Assert that a well-behaved client is served."""
    with KurrentDBClient(served.esdb) as client:
        event = NewEvent(type="a", data=b"{}")
        client.append_to_stream("alive", current_version=StreamState.ANY, events=event)
        assert client.get_stream("alive", backwards=True, limit=1)[0].id == event.id


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def _frame(kind: int, payload: bytes, *, flags: int = 0, stream: int = 0) -> bytes:
    """Return an HTTP/2 frame (RFC 9113, 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + stream.to_bytes(4) + payload


HELLO = PREFACE + _frame(4, b"")
HOSTILE = {
    "nothing": b"",
    "a preface and noise": PREFACE + b"\xff" * 200,
    "a frame of 16 MiB": HELLO + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    "data of no stream": HELLO + _frame(0, b"x", stream=7),
    "a window that overflows": HELLO + _frame(8, b"\x7f\xff\xff\xff"),
    "headers that cannot be": HELLO + _frame(1, b"\x82\xff\xff\xff\xff", flags=5, stream=1),
    "a push promise": HELLO + _frame(5, b"\x00\x00\x00\x02\x82", flags=4, stream=1),
    "http of no kind": b"\x16\x03\x01\x02\x00\x01",
    "an endless line": b"GET /" + b"a" * 200_000,
    "an old protocol": b"GET / HTTP/0.9\r\n\r\n",
}


@pytest.mark.parametrize("words", HOSTILE)
def test_a_connection_that_speaks_nonsense_harms_nobody(hostile: Served, words: str) -> None:
    """It is closed, by the server or by who opened it."""
    with socket.create_connection(("localhost", hostile.port)) as connection:
        connection.settimeout(0.2)
        try:
            connection.sendall(HOSTILE[words])
            while connection.recv(65_536):
                pass
        except (TimeoutError, ConnectionError):
            pass
        _assert_alive(hostile)
    _assert_alive(hostile)


def test_a_message_without_end_is_refused_before_it_is_read(hostile: Served) -> None:
    """By the size it announces."""
    with channel_to(hostile) as channel:
        huge = channel.stream_unary(f"{STREAMS}Append", lambda body: body, lambda body: body)
        with pytest.raises(grpc.RpcError) as caught:
            huge(iter([b"x" * (21 * 1024 * 1024)]), timeout=20)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    _assert_alive(hostile)


def test_what_nobody_answers_is_unimplemented(hostile: Served) -> None:
    """As gRPC says it."""
    assert _send(hostile, "/event_store.client.streams.Streams/Dance", b"") is (
        grpc.StatusCode.UNIMPLEMENTED
    )


@pytest.mark.parametrize(
    ("how", "limit"),
    [
        (lambda: [NewEvent(type="a", data=b"x" * 1_500)], 1_000),
        (lambda: NewEvent(type="a", data=b"x" * 1_500), 1_000),
        (lambda: [NewEvent(type="a", data=b"x" * 900) for _ in range(3)], 2_000),
    ],
)
def test_an_append_that_is_too_large_is_refused(
    how: Callable[[], NewEvent | list[NewEvent]], limit: int
) -> None:
    """As a whole, and for one event; nothing is written."""
    settings = ServerSettings(port=0, max_event_bytes=1_000, max_append_bytes=2_000)
    served = Served(settings=settings)
    try:
        with KurrentDBClient(served.esdb) as client:
            with pytest.raises(KurrentDBClientError, match=str(limit)):
                client.append_to_stream("a", current_version=StreamState.ANY, events=how())
            assert client.get_current_version("a") is StreamState.NO_STREAM
    finally:
        served.close()

"""One gRPC call under way, and how a service says which calls it takes."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Any, Final, Generic, TypeVar

import msgspec
from google.protobuf.message import DecodeError, Message
from grpclib.const import Cardinality, Status
from grpclib.server import Stream

from backstory.server.failures import Failure, invalid_argument

Request = TypeVar("Request", bound=Message)
Reply = TypeVar("Reply", bound=Message)

MAX_MESSAGE_BYTES: Final = 20 * 1024 * 1024
"""Largest message taken: an event of 16 MiB with room for its envelope, as clients send at most."""

_PREFIX: Final = struct.Struct(">?I")


class Call(Generic[Request, Reply]):
    """One call under way: what the client sends, and what it is answered."""

    metadata: Mapping[str, str]
    user: str | None
    peer: str
    ending: bool

    def __init__(
        self, stream: Stream[Request, Reply], request: type[Request], *, user: str | None = None
    ) -> None:
        """Take the *stream* that grpclib has for the call, whose messages are *request*s."""
        self._stream = stream
        self._request = request
        self.metadata = {
            key: value for key, value in (stream.metadata or {}).items() if isinstance(value, str)
        }
        self.user = user
        address = stream.peer.addr()
        self.peer = "" if address is None else f"{address[0]}:{address[1]}"
        self.ending = False

    async def receive(self) -> Request | None:
        """Return the next message, None when the client has sent its last.

        Raises `Failure` for a message that is too large, cut off, compressed or no message: the
        rest of what the client sends can then not be understood.
        """
        data = await self._frame()
        if data is None:
            return None
        message = self._request()
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            text = f"what was sent is no {self._request.DESCRIPTOR.full_name}"
            raise invalid_argument(text) from error
        return message

    async def _frame(self) -> bytes | None:
        received = self._stream._stream  # noqa: SLF001 - grpclib reads without a limit
        try:
            prefix = await received.recv_data(_PREFIX.size)
            if not prefix:
                return None
            compressed, size = _PREFIX.unpack(prefix)
            if compressed:
                raise Failure(Status.UNIMPLEMENTED, "compressed messages are not taken")
            if size > MAX_MESSAGE_BYTES:
                message = f"Received message larger than max ({size} vs. {MAX_MESSAGE_BYTES})"
                raise Failure(Status.RESOURCE_EXHAUSTED, message)
            return await received.recv_data(size)
        except AssertionError as error:  # how grpclib says that the stream ended in a message
            raise Failure(Status.INTERNAL, "the message was cut off") from error

    async def send(self, *replies: Reply) -> None:
        """Send *replies*, all in one write; waits while the client does not take them."""
        if not self._stream._send_initial_metadata_done:  # noqa: SLF001 - (as above)
            await self._stream.send_initial_metadata()
        frames = bytearray()
        for reply in replies:
            body = reply.SerializeToString()
            frames += _PREFIX.pack(False, len(body))  # noqa: FBT003 - not compressed
            frames += body
        if frames:
            await self._stream._stream.send_data(bytes(frames))  # noqa: SLF001 - many in one write
            self._stream._send_message_done = True  # noqa: SLF001 - (the same)

    async def confirm(self) -> None:
        """Send the headers of the answer now, before there is anything to answer."""
        if not self._stream._send_initial_metadata_done:  # noqa: SLF001 - (as above)
            await self._stream.send_initial_metadata()


class Kind(Enum):
    """Who may send more than one message."""

    UNARY = Cardinality.UNARY_UNARY
    SERVER_STREAM = Cardinality.UNARY_STREAM
    CLIENT_STREAM = Cardinality.STREAM_UNARY
    DUPLEX = Cardinality.STREAM_STREAM


AnyCall = Call[Any, Any]


class Method(msgspec.Struct, frozen=True):
    """One method of a service: its path, its messages, and who answers."""

    path: str
    request: type[Message]
    reply: type[Message]
    kind: Kind
    handle: Callable[[AnyCall], Awaitable[None]]


def unary(
    path: str,
    request: type[Request],
    reply: type[Reply],
    handle: Callable[[Request, Call[Request, Reply]], Awaitable[Reply]],
) -> Method:
    """Return the method that answers one message with one."""

    async def answer(call: Call[Request, Reply]) -> None:
        await call.send(await handle(await _only(call), call))

    return Method(path, request, reply, Kind.UNARY, answer)


def server_stream(
    path: str,
    request: type[Request],
    reply: type[Reply],
    handle: Callable[[Request, Call[Request, Reply]], Awaitable[None]],
) -> Method:
    """Return the method that answers one message with as many as it likes."""

    async def answer(call: Call[Request, Reply]) -> None:
        await handle(await _only(call), call)

    return Method(path, request, reply, Kind.SERVER_STREAM, answer)


def client_stream(
    path: str,
    request: type[Request],
    reply: type[Reply],
    handle: Callable[[Call[Request, Reply]], Awaitable[Reply]],
) -> Method:
    """Return the method that answers many messages with one."""

    async def answer(call: Call[Request, Reply]) -> None:
        await call.send(await handle(call))

    return Method(path, request, reply, Kind.CLIENT_STREAM, answer)


def duplex(
    path: str,
    request: type[Request],
    reply: type[Reply],
    handle: Callable[[Call[Request, Reply]], Awaitable[None]],
) -> Method:
    """Return the method that takes and sends messages as it likes."""
    return Method(path, request, reply, Kind.DUPLEX, handle)


async def _only(call: Call[Request, Reply]) -> Request:
    request = await call.receive()
    if request is None:
        message = "the call ended without a message"
        raise invalid_argument(message)
    return request

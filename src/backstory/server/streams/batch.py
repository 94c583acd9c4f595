"""BatchAppend: one call, kept open and shared by all appends of a client.

Requests with the same correlation id make one append. Appends to different streams go on at the
same time and are written in the order they came; one to a stream that another is still written to
waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

import msgspec
from grpclib.exceptions import StreamTerminatedError
from h2.exceptions import H2Error
from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory.core.clock import unix_milliseconds
from backstory.core.errors import BackstoryError
from backstory.core.expected import Expected, WrongExpectedRevision
from backstory.server.calls import Call
from backstory.server.failures import Failure, timed_out, unhandled
from backstory.server.node import Node
from backstory.server.streams.answers import tell_success
from backstory.server.streams.appending import Gathering, written
from backstory.server.streams.batch_errors import describe, describe_conflict
from backstory.server.streams.names import expected_of, writable_stream
from backstory.server.streams.turns import Turn, Turns
from backstory.server.translation import translated
from backstory.stores.retention.empty import Unmoved

_log: Final = logging.getLogger("backstory.server")

_MOST_AT_ONCE: Final = 64
"""Most appends of one call under way at the same time."""

_MOST_OPEN: Final = 1_000
"""Most appends of one call of which parts are still to come."""

_Call = Call[pb.BatchAppendReq, pb.BatchAppendResp]


async def append_batches(node: Node, call: _Call) -> None:
    """Take appends until the client ends the call; answer each once it is stored or refused."""
    await _Batches(node, call).run()


class _Append(msgspec.Struct):
    """One append as it comes in; `refused` is why it cannot be carried out."""

    options: pb.BatchAppendReq.Options
    gathering: Gathering
    deadline: float | None
    stream: str = ""
    expected: Expected | None = None
    refused: Failure | None = None


class _Batches:
    def __init__(self, node: Node, call: _Call) -> None:
        self._node = node
        self._call = call
        self._open: dict[bytes, _Append] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = Turns()

    async def run(self) -> None:
        try:
            while (request := await self._call.receive()) is not None:
                await self._take(request)
        finally:  # what was sent is carried out and answered, also when the server shuts down
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _take(self, request: pb.BatchAppendReq) -> None:
        key = request.correlation_id.SerializeToString()
        append = self._open.get(key)
        if append is None:
            if not request.HasField("options") or len(self._open) >= _MOST_OPEN:
                return
            append = self._open[key] = self._begun(request.options)
        if append.refused is None:
            try:
                for message in request.proposed_messages:
                    append.gathering.add(message)
            except Failure as failure:
                append.refused = failure
                append.gathering.events.clear()
        if request.is_final:
            del self._open[key]
            await self._start(request, append)

    def _begun(self, options: pb.BatchAppendReq.Options) -> _Append:
        append = _Append(options, Gathering(self._node), _deadline(options))
        try:
            append.stream = writable_stream(options.stream_identifier)
            kind = options.WhichOneof("expected_stream_position")
            append.expected = expected_of(kind, options.stream_position)
        except Failure as failure:
            append.refused = failure
        return append

    async def _start(self, request: pb.BatchAppendReq, append: _Append) -> None:
        """Carry out *append* beside others, though never beside one to the same stream."""
        before = self._writing.get(append.stream)
        if before is not None:
            await asyncio.wait([before])
        if len(self._tasks) >= _MOST_AT_ONCE:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._carry_out(request, append, self._turns.take()))
        self._tasks.add(task)
        self._writing[append.stream] = task
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, request: pb.BatchAppendReq, append: _Append, turn: Turn) -> None:
        answer = pb.BatchAppendResp()
        answer.correlation_id.CopyFrom(request.correlation_id)
        answer.stream_identifier.CopyFrom(append.options.stream_identifier)
        _echo_expected(answer, append.options)
        try:
            tell_success(answer.success, await self._written(append, turn))
        except WrongExpectedRevision as error:
            describe_conflict(answer.error, error)
        except Failure as failure:
            describe(answer.error, failure)
        except BackstoryError as error:
            describe(answer.error, translated(error))
        except Exception:  # noqa: BLE001 - nobody foresaw it; the call and its other appends go on
            _log.exception("an append to %r failed", append.stream)
            describe(answer.error, unhandled())
        finally:
            turn.end()
            if self._writing.get(append.stream) is asyncio.current_task():
                del self._writing[append.stream]
        await self._answer(answer)

    async def _written(self, append: _Append, turn: Turn) -> Unmoved:
        if append.refused is not None:
            raise append.refused
        seconds = None if append.deadline is None else append.deadline - time.monotonic()
        if seconds is not None and seconds <= 0:
            message = "the deadline had passed when the append came"
            raise timed_out(message)
        assert append.expected is not None  # noqa: S101 - it is refused otherwise
        events = append.gathering.events
        return await written(
            self._node, append.stream, events, append.expected, seconds=seconds, turn=turn.come
        )

    async def _answer(self, answer: pb.BatchAppendResp) -> None:
        try:
            await self._call.send(answer)
        except (H2Error, StreamTerminatedError):  # the client is gone, as whoever reads is told
            _log.debug("an answer found nobody", exc_info=True)


def _deadline(options: pb.BatchAppendReq.Options) -> float | None:
    """Return until when the append must be done, as time of our own clock; None: no word of it.

    The older form is a time of the client's clock, the newer one a duration, which may be longer
    than anybody lives.
    """
    kind = options.WhichOneof("deadline_option")
    if kind == "deadline":
        return time.monotonic() + options.deadline.seconds + options.deadline.nanos / 1e9
    if kind == "deadline_21_10_0":
        wanted = options.deadline_21_10_0
        return time.monotonic() + (wanted.seconds + wanted.nanos / 1e9 - unix_milliseconds() / 1000)
    return None


def _echo_expected(answer: pb.BatchAppendResp, options: pb.BatchAppendReq.Options) -> None:
    kind = options.WhichOneof("expected_stream_position")
    if kind == "stream_position":
        answer.stream_position = options.stream_position
    elif kind is None:
        answer.any.SetInParent()
    else:
        getattr(answer, kind).SetInParent()

"""Read: a consumer takes events from a group and answers each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from kurrentdbclient.protos.v1 import persistent_pb2 as pb
from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.server.calls import Call
from backstory.server.failures import Failure, invalid_argument
from backstory.server.persistent.creating import source_of
from backstory.server.persistent.engine import Consumer, Message, Outcome
from backstory.server.persistent.failures import dropped
from backstory.server.persistent.groups import Groups
from backstory.server.persistent.running import RunningGroup
from backstory.server.wire.ids import uuid_of
from backstory.server.wire.recorded import fill_recorded

_MOST_IN_FLIGHT: Final = 10_000
_TOGETHER: Final = 64

_Call = Call[pb.ReadReq, pb.ReadResp]


async def consume(groups: Groups, call: _Call) -> None:
    """Deliver events to the client and take its answers, until it or the group ends."""
    request = await call.receive()
    if request is None or request.WhichOneof("content") != "options":
        text = "the first message of a persistent subscription holds its options"
        raise invalid_argument(text)
    options = request.options
    kind = options.WhichOneof("stream_option")
    group = await groups.find(source_of(kind, options.stream_identifier), options.group_name)
    await _Consuming(group, call, options).run()


class _Consuming:
    def __init__(self, group: RunningGroup, call: _Call, options: pb.ReadReq.Options) -> None:
        self._group = group
        self._call = call
        self._structured = options.uuid_option.WhichOneof("content") != "string"
        self._outgoing: asyncio.Queue[Message | None] = asyncio.Queue()
        self._consumer = Consumer(
            name=call.metadata.get("connection-name", ""),
            address=call.peer,
            slots=min(max(options.buffer_size, 1), _MOST_IN_FLIGHT),
            deliver=self._outgoing.put_nowait,
            drop=lambda: self._outgoing.put_nowait(None),
        )

    async def run(self) -> None:
        """Send and take answers until one of the two ends."""
        confirmation = pb.ReadResp.SubscriptionConfirmation(subscription_id=self._group.config.id)
        await self._group.join(self._consumer)
        try:
            await self._call.send(pb.ReadResp(subscription_confirmation=confirmation))
            await self._deliver()
        finally:
            self._group.leave(self._consumer)

    async def _deliver(self) -> None:
        answers = asyncio.create_task(self._take_answers())
        try:
            await self._send_until(answers)
        finally:
            answers.cancel()
            await asyncio.wait([answers])

    async def _send_until(self, answers: asyncio.Task[None]) -> None:
        while True:
            waiting = asyncio.create_task(self._outgoing.get())
            try:
                await asyncio.wait([waiting, answers], return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not waiting.done():
                    waiting.cancel()
            if answers.done():
                await answers
                return
            messages = [await waiting]
            while not self._outgoing.empty() and len(messages) < _TOGETHER:
                messages.append(self._outgoing.get_nowait())
            await self._call.send(*(self._answer(m) for m in messages if m is not None))
            if None in messages:
                raise dropped(self._group.config.source, self._group.config.group)

    def _answer(self, message: Message) -> pb.ReadResp:
        answer = pb.ReadResp()
        delivery = message.delivery
        if delivery.event is not None:
            fill_recorded(answer.event.event, delivery.event, structured=self._structured)
        if delivery.link is not None:
            fill_recorded(answer.event.link, delivery.link, structured=self._structured)
        answer.event.commit_position = delivery.position
        answer.event.retry_count = message.retries
        return answer

    async def _take_answers(self) -> None:
        while (request := await self._call.receive()) is not None:
            content = request.WhichOneof("content")
            if content == "ack":
                acked = self._group.engine.ack(self._consumer, _ids(request.ack.ids))
                self._group.settle(acked)
            elif content == "nack":
                self._group.settle(self._nacked(request.nack))
            else:
                text = "a consumer answers with ack or nack"
                raise invalid_argument(text)

    def _nacked(self, nack: pb.ReadReq.Nack) -> Outcome:
        engine, ids = self._group.engine, _ids(nack.ids)
        if nack.action == pb.ReadReq.Nack.Park:
            return engine.park(self._consumer, ids, nack.reason or "Client explicitly NAK'ed")
        if nack.action == pb.ReadReq.Nack.Skip:
            return engine.skip(self._consumer, ids)
        if nack.action == pb.ReadReq.Nack.Stop:
            return Outcome()
        return engine.retry(self._consumer, ids)


def _ids(ids: Iterable[shared.UUID]) -> list[bytes]:
    found: list[bytes] = []
    for message in ids:
        try:
            found.append(uuid_of(message).bytes)
        except Failure:  # an answer about nothing
            continue
    return found

"""The messages that answer a read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory.core.events import RecordedEvent
from backstory.server.calls import Call
from backstory.server.node import Node
from backstory.server.reading.links import Delivery, plain, resolve_page
from backstory.server.streams.requests import ReadRequest
from backstory.server.wire.recorded import fill_recorded

_TOGETHER: Final = 64
"""Most messages in one write: enough to be quick, few enough to be there soon."""

_Call = Call[pb.ReadReq, pb.ReadResp]


def event_message(delivery: Delivery, *, structured: bool) -> pb.ReadResp:
    """Return the message that carries *delivery*."""
    message = pb.ReadResp()
    if delivery.event is not None:
        fill_recorded(message.event.event, delivery.event, structured=structured)
    if delivery.link is not None:
        fill_recorded(message.event.link, delivery.link, structured=structured)
    message.event.commit_position = delivery.position
    return message


async def send_page(
    node: Node, call: _Call, asked: ReadRequest, page: Sequence[RecordedEvent]
) -> None:
    """Send the events of *page* as *asked* for; waits while the client does not take them."""
    if asked.resolve:
        deliveries = await resolve_page(node, page)
    else:
        deliveries = [plain(event) for event in page]
    for begin in range(0, len(deliveries), _TOGETHER):
        await call.send(
            *(
                event_message(delivery, structured=asked.structured)
                for delivery in deliveries[begin : begin + _TOGETHER]
            )
        )


def not_found(stream: str) -> pb.ReadResp:
    """Return the message that there is nothing to read of *stream*."""
    message = pb.ReadResp()
    message.stream_not_found.stream_identifier.stream_name = stream.encode()
    return message


def confirmation(subscription: str) -> pb.ReadResp:
    """Return the first message of a subscription."""
    return pb.ReadResp(
        confirmation=pb.ReadResp.SubscriptionConfirmation(subscription_id=subscription)
    )


def checkpoint(position: int) -> pb.ReadResp:
    """Return the message that a filtered subscription has looked at all up to *position*."""
    message = pb.ReadResp()
    message.checkpoint.commit_position = message.checkpoint.prepare_position = position
    message.checkpoint.timestamp.GetCurrentTime()
    return message


def caught_up(*, revision: int | None = None, position: int | None = None) -> pb.ReadResp:
    """Return the message that a subscription is at the end, and where that is."""
    message = pb.ReadResp()
    message.caught_up.timestamp.GetCurrentTime()
    if revision is not None:
        message.caught_up.stream_revision = revision
    if position is not None:
        message.caught_up.position.commit_position = position
        message.caught_up.position.prepare_position = position
    return message

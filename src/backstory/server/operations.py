"""The service `Operations`: scavenging. What else an operator may ask of a cluster is not here."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any, Final
from uuid import uuid4

from grpclib.const import Status

from backstory.core.errors import BackstoryError
from backstory.core.retaining import Retaining
from backstory.server.calls import Call, Method, unary
from backstory.server.failures import Failure
from backstory.server.node import Node
from backstory.server.wire.descriptors import ScavengeResp, StartScavengeReq, StopScavengeReq
from backstory.stores.retention.scavenging import scavenge

_SERVICE: Final = "/event_store.client.operations.Operations"
_STARTED: Final = 0
_IN_PROGRESS: Final = 1
_STOPPED: Final = 2
_log: Final = logging.getLogger("backstory.server")


class Scavenges:
    """The scavenge of a node: one at a time."""

    def __init__(self, node: Node) -> None:
        """Scavenge the *node*'s store."""
        self._node = node
        self._id = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> tuple[str, bool]:
        """Start a scavenge; return its id, and whether it was already under way.

        Raises `Failure` when the store cannot erase.
        """
        if not isinstance(self._node.store, Retaining):
            raise Failure(Status.UNIMPLEMENTED, "this store cannot erase events")
        if self._task is not None and not self._task.done():
            return self._id, True
        self._id = str(uuid4())
        self._task = asyncio.create_task(self._run())
        return self._id, False

    def stop(self, scavenge_id: str) -> None:
        """Stop the scavenge with this id; raises `Failure` when it is not under way."""
        if self._task is None or self._task.done() or scavenge_id != self._id:
            raise Failure(
                Status.NOT_FOUND,
                "Scavenge Id was invalid.",
                {"exception": "scavenge-not-found", "scavenge-id": scavenge_id},
            )
        self._task.cancel()

    async def close(self) -> None:
        """Stop what is under way; what it has erased stays erased."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        erased = 0
        try:
            async for done in scavenge(self._node.store, clock=self._node.clock):
                erased = done.events
        except BackstoryError:
            _log.exception("the scavenge %s failed", self._id)
        else:
            _log.info("the scavenge %s erased %d events", self._id, erased)


def methods(node: Node) -> list[Method]:
    """Return the methods of the service, answered for *node*."""
    scavenges = Scavenges(node)
    node.on_close(scavenges.close)
    return [
        unary(
            f"{_SERVICE}/StartScavenge", StartScavengeReq, ScavengeResp, partial(_start, scavenges)
        ),
        unary(f"{_SERVICE}/StopScavenge", StopScavengeReq, ScavengeResp, partial(_stop, scavenges)),
    ]


async def _start(scavenges: Scavenges, _request: object, _call: Call[Any, Any]) -> Any:  # noqa: ANN401 - a class made at run time
    scavenge_id, running = scavenges.start()
    result = _IN_PROGRESS if running else _STARTED
    return ScavengeResp(scavenge_id=scavenge_id, scavenge_result=result)


async def _stop(scavenges: Scavenges, request: Any, _call: Call[Any, Any]) -> Any:  # noqa: ANN401 - (as above)
    scavenges.stop(request.options.scavenge_id)
    return ScavengeResp(scavenge_id=request.options.scavenge_id, scavenge_result=_STOPPED)

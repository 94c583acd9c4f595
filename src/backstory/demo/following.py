"""Keeping the read model in step, as a task of the service's own process."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from backstory import CheckpointMoved, ReadModelUnavailable, Worker
from backstory.demo.users import Following

_PAUSE: Final = 1.0
_YIELD: Final = 0.1
_log = logging.getLogger("backstory.demo")


class Follower:
    """Runs a worker, again after what passes by itself; stops on what would only fail again.

    A read model that cannot be reached comes back; a second instance of the service on the same
    read model is let ahead. An event that cannot be applied stops the worker for good, and
    `following` says so: the service goes on to accept writes, and is not ready.
    """

    def __init__(self, worker: Worker) -> None:
        """Start *worker* in a task of the running event loop."""
        self._worker = worker
        self._stopping = asyncio.Event()
        self._let_ahead = False
        self._task = asyncio.create_task(self._run(), name="follower")

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._let_ahead = False
            try:
                await self._worker.run()
            except CheckpointMoved:
                self._let_ahead = True
                await self._pause(_YIELD)
            except ReadModelUnavailable as error:
                _log.warning("the read model is followed again in %s s: %s", _PAUSE, error)
                await self._pause(_PAUSE)
            except Exception:  # noqa: BLE001 - whatever it is, the service goes on without it
                _log.exception("the read model is not followed any more")
                return

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    @property
    def following(self) -> Following:
        """Return how far the worker has come."""
        status = self._worker.status
        return Following(
            state=status.state.value,
            position=status.position,
            lag=status.lag,
            parked=status.parked,
            failure=None if self._let_ahead else status.failure,
        )

    @property
    def position(self) -> int:
        """Return the position applied."""
        return self._worker.status.position

    async def wait_for(self, position: int, seconds: float) -> None:
        """Return once *position* is applied; raises `CaughtUpTimeout`."""
        await self._worker.wait_for(position, seconds)

    async def stop(self) -> None:
        """End after the batch under way."""
        self._stopping.set()
        await self._worker.stop()
        await self._task

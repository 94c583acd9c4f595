"""Workers for as long as a command runs: opened, shown, observed, ended in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from backstory.cli.application import opened_read_model
from backstory.cli.exits import ExitCode
from backstory.cli.opening import opened_to_read
from backstory.cli.screen import say
from backstory.cli.work_shown import Show, shown
from backstory.core.errors import InvalidSetting
from backstory.projections.workers import Workers
from backstory.telemetry.log_format import LogFormat
from backstory.telemetry.observing import Telemetry

if TYPE_CHECKING:
    from backstory.cli.process import Stop
    from backstory.core.schema import Schema
    from backstory.projections.followers import Follower


_log: Final = logging.getLogger("backstory.work")


class Places(msgspec.Struct, frozen=True):
    """The URLs of the event store and the read model, and the name of the read model's schema."""

    store: str
    read_model: str
    schema: str


class Working(msgspec.Struct, frozen=True, kw_only=True):
    """What `work` was asked to do; see its options."""

    schema: Schema
    followers: Sequence[Follower]
    places: Places
    lease: float
    every: float
    metrics_port: int | None
    log_format: LogFormat
    json: bool

    async def until_stopped(self, stop: Stop) -> int:
        """Run the workers until *stop*, and return the exit code."""
        places = self.places
        async with (
            opened_to_read(places.store) as events,
            opened_read_model(places.read_model, places.schema) as model,
        ):
            show = shown(json=self.json, every=self.every)
            with self._telemetry() as telemetry:
                workers = Workers(
                    self.followers,
                    schema=self.schema,
                    store=telemetry.observe_store(events),
                    read_model=model,
                    lease=self.lease,
                    hear=show.hear,
                )
                telemetry.observe_worker(workers)
                self._say("working; Ctrl-C ends")
                await _run(workers, show, stop)
            return self._exit_code(workers)

    def _say(self, text: str) -> None:
        if self.log_format is LogFormat.JSON:
            _log.info("%s", text)
        else:
            say(text)

    def _exit_code(self, workers: Workers) -> int:
        failed = [status for status in workers.status if status.failure is not None]
        for status in failed:
            self._say(f"{status.projection} has failed: {status.failure}")
        return ExitCode.FOUND if failed else ExitCode.DONE

    @contextmanager
    def _telemetry(self) -> Iterator[Telemetry]:
        """Give what observes the workers; metrics are shown when a port was given for them."""
        if self.metrics_port is None:
            yield Telemetry(tracing=Telemetry.installed().tracing)
            return
        telemetry = Telemetry.installed()
        if telemetry.metrics is None:
            message = "metrics need their library: pip install 'backstory[telemetry]'"
            raise InvalidSetting(message)
        from backstory.telemetry.exposition import serve_metrics

        with serve_metrics(telemetry.metrics, self.metrics_port) as port:
            self._say(f"metrics are at http://127.0.0.1:{port}/metrics")
            yield telemetry


async def _run(workers: Workers, show: Show, stop: Stop) -> None:
    running = asyncio.ensure_future(workers.run())
    # Held here, so that it is not collected while it waits for the batches under way.
    ending: list[asyncio.Future[None]] = []
    stop.sets_off(lambda: ending.append(asyncio.ensure_future(workers.stop())))
    following = asyncio.ensure_future(show.follow(workers))
    try:
        await running
    finally:
        running.cancel()
        following.cancel()
        await asyncio.gather(running, following, return_exceptions=True)

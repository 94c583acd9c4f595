"""The work of `backstory serve`."""

from __future__ import annotations

import msgspec

from backstory.cli.exits import ExitCode
from backstory.cli.opening import opened
from backstory.cli.process import Stop
from backstory.cli.screen import say
from backstory.dashboard import dashboard
from backstory.server.access.settings import Access, Gate
from backstory.server.http.routes import AsgiApp
from backstory.server.serving import serving
from backstory.server.settings import ServerSettings
from backstory.telemetry.observing import Telemetry
from backstory.timemachine.sources import without_password


class Serving(msgspec.Struct, frozen=True):
    """A store to be served under settings."""

    store_url: str
    settings: ServerSettings
    access: Access

    async def until_stopped(self, stop: Stop) -> int:
        """Serve until the wish to stop comes."""
        wish = stop.wish()
        telemetry = Telemetry.installed()
        gate = self.access.gate(self.settings.host)
        shown_url = without_password(self.store_url)
        async with (
            opened(self.store_url) as bare,
            serving(
                telemetry.observe_store(bare),
                self.settings,
                pages=dashboard(bare, shown_url=shown_url),
                metrics=_metrics_app(telemetry),
                tls=gate.tls,
                admit=gate.admit,
                guard=gate.guard,
            ) as server,
        ):
            if telemetry.metrics is not None:
                telemetry.metrics.observe_server(lambda: server.connections, lambda: server.calls)
            self._say_where(shown_url, gate, server.port)
            await wish.wait()
        return ExitCode.DONE

    def _say_where(self, shown_url: str, gate: Gate, port: int) -> None:
        host = self.settings.host if ":" not in self.settings.host else f"[{self.settings.host}]"
        secure = gate.tls is not None
        trusted = "" if gate.authority is None else f"&tlsCAFile={gate.authority}"
        say(f"serving {shown_url}")
        say(f"  clients   esdb://{host}:{port}?tls={'true' if secure else 'false'}{trusted}")
        say(f"  browsers  http{'s' if secure else ''}://{host}:{port}")
        say("Ctrl-C ends it")


def _metrics_app(telemetry: Telemetry) -> AsgiApp | None:
    if telemetry.metrics is None:
        return None
    from backstory.telemetry.exposition import metrics_app

    return metrics_app(telemetry.metrics)

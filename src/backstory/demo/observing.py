"""What can be seen of the service from outside: its metrics, at `GET /metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from backstory import Telemetry

if TYPE_CHECKING:
    from litestar.types import ASGIApp

    from backstory import Metrics

UNOBSERVED: Final = Telemetry()


def shown_at(path: str, metrics: Metrics) -> ASGIRouteHandler:
    """Return what answers *path* with *metrics*."""
    from backstory import metrics_app  # noqa: PLC0415 - its library is there when there are metrics

    app = _typed(metrics_app(metrics))

    @asgi(path, copy_scope=True)  # not a mount, for which every other path would be compared first
    async def show(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return show


def _typed(app: object) -> ASGIApp:
    # Backstory's types of ASGI are general, those of the framework are its own.
    return cast("ASGIApp", app)

"""The web application: routes, problems and the OpenAPI page, around one way of keeping users."""

from __future__ import annotations

from typing import Final

from litestar import Litestar
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin

from backstory import CorrelationMiddleware, Telemetry
from backstory.demo.health import HealthRoutes
from backstory.demo.observing import UNOBSERVED, shown_at
from backstory.demo.problems import handlers
from backstory.demo.routes import UserRoutes
from backstory.demo.users import Users

DESCRIPTION: Final = """Users, kept as what happened to them.

A write answers the position of its event in `Backstory-Position`; a read that sends it back waits
until the read model shows it. `ETag` and `If-Match` keep two people from overwriting each other.
"""


def service(users: Users, telemetry: Telemetry = UNOBSERVED) -> Litestar:
    """Return the ASGI application in front of *users*, which stay the caller's to close."""
    routes: list[HTTPRouteHandler | ASGIRouteHandler] = [
        *UserRoutes(users).handlers(),
        *HealthRoutes(users).handlers(),
    ]
    if telemetry.metrics is not None:
        routes.append(shown_at("/metrics", telemetry.metrics))
    return Litestar(
        route_handlers=routes,
        middleware=[DefineMiddleware(CorrelationMiddleware, tracing=telemetry.tracing)],
        exception_handlers=handlers,
        request_max_body_size=None,  # `requests.Body` looks itself
        openapi_config=OpenAPIConfig(
            title="User service",
            version="1",
            description=DESCRIPTION,
            path="/schema",
            render_plugins=[SwaggerRenderPlugin()],
        ),
        logging_config=None,
    )

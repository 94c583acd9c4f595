"""The web application: routes, problems and the OpenAPI page, around one way of keeping users."""

from __future__ import annotations

from typing import Final

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin

from backstory.demo.health import HealthRoutes
from backstory.demo.problems import handlers
from backstory.demo.routes import UserRoutes
from backstory.demo.users import Users

DESCRIPTION: Final = """Users, kept as what happened to them.

A write answers the position of its event in `Backstory-Position`; a read that sends it back waits
until the read model shows it. `ETag` and `If-Match` keep two people from overwriting each other.
"""


def service(users: Users) -> Litestar:
    """Return the ASGI application in front of *users*, which stay the caller's to close."""
    return Litestar(
        route_handlers=[*UserRoutes(users).handlers(), *HealthRoutes(users).handlers()],
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

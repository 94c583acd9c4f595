"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler

from backstory.demo import documentation as doc
from backstory.demo.answers import Alive, Ready
from backstory.demo.problems import Refused
from backstory.demo.responses import Answer
from backstory.demo.users import Users


class HealthRoutes:
    """The handlers that a supervisor asks."""

    def __init__(self, users: Users) -> None:
        """Tell of *users*."""
        self._users = users

    def handlers(self) -> list[HTTPRouteHandler]:
        """Return every handler at its path, with its documentation."""
        return [
            get("/healthz", **doc.alive)(self.alive),
            get("/readyz", **doc.ready)(self.ready),
        ]

    async def alive(self) -> Answer:
        """Answer; nothing else is looked at."""
        return Answer(Alive())

    async def ready(self) -> Answer:
        """Ask the log and the read model; 503 says what is wrong."""
        health = await self._users.health()
        if health.reason is not None:
            raise Refused(503, "not-ready", health.reason, {"retry-after": "1"})
        return Answer(Ready(head=health.head, projections=health.projections))

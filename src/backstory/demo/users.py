"""What a user service can do, whichever way it keeps its users.

`event_sourced.py` and `crud.py` do it; `routes.py` asks for no more than this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec


class UserView(msgspec.Struct, frozen=True, gc=False):
    """A user as `GET /users/{username}` shows it."""

    id: int | None
    username: str
    createdAt: str  # noqa: N815 - the name in the answer
    fullName: str  # noqa: N815 - the name in the answer


class Found(msgspec.Struct, frozen=True, gc=False):
    """A user and the revision the view is of."""

    view: UserView
    revision: int


class Written(msgspec.Struct, frozen=True):
    """What a write left behind; `position` is None where there is no log."""

    username: str
    full_name: str
    revision: int
    position: int | None


class Entry(msgspec.Struct, frozen=True):
    """One line of the audit trail: an event as it was recorded."""

    type: str
    data: dict[str, object]
    recorded_at: str
    position: int
    revision: int
    metadata: dict[str, object]


class Following(msgspec.Struct, frozen=True):
    """How far the read model has come; `failure` says why it stopped, null while it goes on."""

    state: str
    position: int
    lag: int
    parked: int
    failure: str | None


class Health(msgspec.Struct, frozen=True):
    """How the service is: the head of the log and each projection. `reason` says what is wrong."""

    reason: str | None
    head: int | None
    projections: dict[str, Following]


class PreconditionFailed(Exception):
    """The user is not at the revision that `If-Match` named."""


class NoHistory(Exception):
    """The past was asked for, and nobody kept it."""


class KeyReused(Exception):
    """The idempotency key belongs to another request."""


class NoSuchPosition(Exception):
    """A position was named that the log has not reached."""

    def __init__(self, position: int, head: int) -> None:
        """Report the *position* named and the *head* of the log."""
        super().__init__(f"position {position} does not exist yet; the log ends at {head}")


class Users(Protocol):
    """The user service without HTTP.

    Names passed in keep the rules of `names.py`. Writes return when they are durable. `matches`
    names the revision the caller saw; None means any.
    """

    async def create(self, username: str, full_name: str, *, key: UUID | None) -> Written:
        """Create a user. Raises `UserExists`; with a *key* used before answers as it did then.

        Raises `KeyReused` when the *key* came with another name before.
        """
        ...

    async def rename(self, username: str, full_name: str, *, matches: int | None) -> Written:
        """Rename a user; raises `NoSuchUser` and `PreconditionFailed`."""
        ...

    async def delete(self, username: str, *, matches: int | None) -> Written:
        """Delete a user; raises `NoSuchUser` and `PreconditionFailed`."""
        ...

    async def find(self, username: str) -> Found | None:
        """Return a user, None when there is none."""
        ...

    async def find_as_of(self, username: str, moment: int | datetime) -> Found | None:
        """Return a user as of a position or a time; raises `NoHistory` and `NoSuchPosition`."""
        ...

    async def page(self, *, after: int, limit: int) -> Sequence[UserView]:
        """Return the users whose number is beyond *after*, at most *limit*."""
        ...

    async def page_as_of(
        self, moment: int | datetime, *, after: int, limit: int
    ) -> Sequence[UserView]:
        """Return what `page` had returned then; raises `NoHistory` and `NoSuchPosition`."""
        ...

    async def history(self, username: str, *, after: int, limit: int) -> Sequence[Entry]:
        """Return what happened to a user after that revision; raises `NoHistory`."""
        ...

    async def wait_for(self, position: int) -> None:
        """Return when `find` and `page` show everything up to *position*, or raise.

        Raises `NoSuchPosition` at once, `CaughtUpTimeout` after a bounded time.
        """
        ...

    async def health(self) -> Health:
        """Return how the service is; never raises."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of every resource."""
        ...

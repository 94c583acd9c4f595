"""The shapes of the answers, beside `UserView`."""

from __future__ import annotations

import msgspec

from backstory.demo.users import Entry, Following, UserView


class Created(msgspec.Struct, frozen=True):
    """The answer to `POST /users`."""

    username: str


class Renamed(msgspec.Struct, frozen=True):
    """The answer to `PATCH /users/{username}`."""

    username: str
    fullName: str  # noqa: N815 - the name in the answer


class UserPage(msgspec.Struct, frozen=True):
    """Users in the order of their ids; `next` is where the page after this one is, or null."""

    users: list[UserView]
    next: str | None


class History(msgspec.Struct, frozen=True):
    """Events in the order they happened; `next` is where the page after this one is, or null."""

    events: list[Entry]
    next: str | None


class Alive(msgspec.Struct, frozen=True):
    """The answer to `GET /healthz`."""

    status: str = "alive"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `GET /readyz`: the head of the log, and how each projection stands."""

    status: str = "ready"
    head: int | None
    projections: dict[str, Following]

"""What can happen to a user: the facts, and the names they are stored under for ever."""

from __future__ import annotations

from typing import Final

import msgspec

from backstory import EventType, Schema


class UserCreated(msgspec.Struct, frozen=True):
    """A user was created; `openedAt` is the time the request was decided, in ISO 8601."""

    username: str
    fullName: str  # noqa: N815 - the name in the stored JSON
    openedAt: str  # noqa: N815 - the name in the stored JSON


class UserRenamed(msgspec.Struct, frozen=True):
    """The user's full name changed."""

    fullName: str  # noqa: N815 - the name in the stored JSON


class UserDeleted(msgspec.Struct, frozen=True):
    """The user was deleted. The stream stays: another user of this name goes on in it."""


schema: Final = Schema(
    EventType("user-created", UserCreated),
    EventType("user-renamed", UserRenamed),
    EventType("user-deleted", UserDeleted),
)

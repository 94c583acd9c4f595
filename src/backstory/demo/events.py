"""What can happen to a user: the facts, and the names they are stored under for ever.

What is personal is marked, so that captures hold pseudonyms in its place.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from backstory import EventType, Personal, Schema


class UserCreated(msgspec.Struct, frozen=True):
    """A user was created; `openedAt` is the time the request was decided, in ISO 8601."""

    username: Annotated[str, Personal]
    fullName: Annotated[str, Personal]  # noqa: N815 - the name in the stored JSON
    openedAt: str  # noqa: N815 - the name in the stored JSON


class UserRenamed(msgspec.Struct, frozen=True):
    """The user's full name changed."""

    fullName: Annotated[str, Personal]  # noqa: N815 - the name in the stored JSON


class UserDeleted(msgspec.Struct, frozen=True):
    """The user was deleted. The stream stays: another user of this name goes on in it."""


schema: Final = Schema(
    EventType("user-created", UserCreated),
    EventType("user-renamed", UserRenamed),
    EventType("user-deleted", UserDeleted),
)

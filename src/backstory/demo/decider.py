"""What may happen to a user, as pure functions: no clock, no database, no web."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

from backstory import CommandRejected, Decider
from backstory.demo.events import UserCreated, UserDeleted, UserRenamed


class CreateUser(msgspec.Struct, frozen=True):
    """Create the user; `at` is the present time, which a decider may not ask for itself."""

    username: str
    full_name: str
    at: str


class RenameUser(msgspec.Struct, frozen=True):
    """Give the user another full name."""

    full_name: str


class DeleteUser(msgspec.Struct, frozen=True):
    """Delete the user; the name is free again."""


class User(msgspec.Struct, frozen=True):
    """A user that exists."""

    username: str
    full_name: str
    opened_at: str


class UserExists(CommandRejected):
    """There is a user of this name already."""


class NoSuchUser(CommandRejected):
    """There is no user of this name."""


Command: TypeAlias = CreateUser | RenameUser | DeleteUser
Event: TypeAlias = UserCreated | UserRenamed | UserDeleted


def decide(command: Command, user: User | None) -> Iterator[Event]:
    """Yield what follows from *command*; raises `UserExists` or `NoSuchUser`."""
    match command:
        case CreateUser(username, full_name, at):
            if user is not None:
                raise UserExists
            yield UserCreated(username, full_name, at)
        case RenameUser(full_name):
            if user is None:
                raise NoSuchUser
            if full_name != user.full_name:
                yield UserRenamed(full_name)
        case DeleteUser():
            if user is None:
                raise NoSuchUser
            yield UserDeleted()


def evolve(user: User | None, event: Event) -> User | None:
    """Return the user after *event*, None when there is none."""
    match event:
        case UserCreated(username, full_name, opened_at):
            return User(username, full_name, opened_at)
        case UserRenamed(full_name) if user is not None:
            return msgspec.structs.replace(user, full_name=full_name)
        case _:
            return None


user_decider: Final[Decider[Command, Event, User | None]] = Decider(
    initial=None, decide=decide, evolve=evolve
)

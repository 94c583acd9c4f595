"""The events everybody stores: a user and their renamings, about 200 bytes of JSON each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

USER_CREATED: Final = "user-created"
USER_RENAMED: Final = "user-renamed"
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_CITIES: Final = ("Aachen", "Bergen", "Coimbra", "Dundee", "Esbjerg", "Ferrara", "Ghent", "Hilo")
_REASONS: Final = ("marriage", "a typing error", "an artist's name", "a change of mind")

# A prime and no factor of the number of names, so every number has a name of its own.
_SCATTER: Final = 2_654_435_761
_NAMES: Final = 100_000_000

SAMPLES: Final = 1_000
"""How many events are made beforehand; a multiple of every number appended at once."""


class UserCreated(msgspec.Struct, frozen=True, rename="camel"):
    """A user came into being."""

    username: str
    full_name: str
    opened_at: datetime
    email: str
    city: str
    plan: str = "free"


class UserRenamed(msgspec.Struct, frozen=True, rename="camel"):
    """A user is called something else from now on."""

    username: str
    full_name: str
    renamed_at: datetime
    former_name: str
    reason: str


class User(msgspec.Struct, frozen=True):
    """What a user's events come to."""

    username: str = ""
    full_name: str = ""
    city: str = ""
    renamings: int = 0


Event = UserCreated | UserRenamed


DECODERS: Final[Mapping[str, Callable[[bytes], Event]]] = {
    USER_CREATED: msgspec.json.Decoder(UserCreated).decode,
    USER_RENAMED: msgspec.json.Decoder(UserRenamed).decode,
}
"""How a person without a product makes typed events of JSON."""


def evolve(user: User, event: Event) -> User:
    """Return *user* after *event*; everybody folds with this function where they let us."""
    if isinstance(event, UserCreated):
        return User(event.username, event.full_name, event.city)
    return User(user.username, event.full_name, user.city, user.renamings + 1)


def username(number: int) -> str:
    """Return the name of user *number*; names come in no order, as people do."""
    return f"donald-{number * _SCATTER % _NAMES:08d}"


def stream_of(number: int) -> str:
    """Return the stream of user *number*."""
    return f"user-{username(number)}"


def created(number: int) -> UserCreated:
    """Return the event that creates user *number*."""
    name = username(number)
    opened_at = _EPOCH + timedelta(milliseconds=number)
    city = _CITIES[number % len(_CITIES)]
    return UserCreated(
        name, f"Donald {number:08d} of {city}", opened_at, f"{name}@mail.example", city
    )


def renamed(number: int, time: int) -> UserRenamed:
    """Return the event that renames user *number* for the *time*-th time."""
    return UserRenamed(
        username(number),
        f"Donald {number:08d}, version {time:06d}",
        _EPOCH + timedelta(milliseconds=number, minutes=time),
        f"Donald {number:08d}, version {time - 1:06d}",
        _REASONS[time % len(_REASONS)],
    )


def life(number: int, length: int) -> list[Event]:
    """Return the first *length* events of user *number*."""
    return [created(number), *(renamed(number, time) for time in range(1, length))]


def samples() -> list[tuple[Event, dict[str, str]]]:
    """Return events with metadata, made beforehand so that making them is not measured."""
    return [(created(number), metadata(number)) for number in range(SAMPLES)]


def metadata(number: int) -> dict[str, str]:
    """Return the metadata of the event *number*: what it belongs to and what caused it."""
    return {
        "$correlationId": str(UUID(int=number * 7919 + (7 << 76))),
        "$causationId": str(UUID(int=number * 104729 + (7 << 76))),
    }

"""An application with personal data, for the tests of scrubbing."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.personal import Personal
from backstory.core.schema import EventType, Schema
from backstory.timemachine.scrubbing.policy import Policy, policy_of
from backstory.timemachine.scrubbing.scrubber import Scrubber

KEY: Final = b"a key of thirty-two bytes, or so"


class Sex(Enum):
    """A choice of few."""

    FEMALE = "f"
    MALE = "m"
    OTHER = "x"


class Address(msgspec.Struct, frozen=True):
    """Where somebody lives."""

    street: Annotated[str, Personal]
    country: str


class Joined(msgspec.Struct, frozen=True):
    """Somebody joined."""

    username: Annotated[str, Personal]
    email: Annotated[str, Personal("email")]
    plan: str
    born: Annotated[date | None, Personal] = None
    sex: Annotated[Sex, Personal] = Sex.OTHER
    member: Annotated[bool, Personal] = False
    addresses: list[Address] = []
    nicknames: list[Annotated[str, Personal]] = []
    friends: dict[Annotated[str, Personal], int] = {}
    notes: Annotated[str, Personal(drop=True)] = ""
    points: int = 0


class Moved(msgspec.Struct, frozen=True):
    """Somebody moved; all of the address is personal."""

    to: Annotated[Address, Personal]


class Ordered(msgspec.Struct, frozen=True):
    """Somebody ordered something; nothing in it is personal."""

    item: str
    count: int


SCHEMA: Final = Schema(
    EventType("joined", Joined, formerly=("member-joined",)),
    EventType("moved", Moved),
    EventType("ordered", Ordered),
)


def scrubber(policy: Policy | None = None, key: bytes = KEY) -> Scrubber:
    """Return a scrubber of the schema above."""
    return Scrubber(policy or policy_of(SCHEMA), key, SCHEMA)


def recorded(
    data: object,
    *,
    type: str = "joined",  # noqa: A002 - our word for it
    stream: str = "user-donald-le",
    metadata: object = None,
) -> RecordedEvent:
    """Return an event as a store has it."""
    raw, meta = msgspec.json.encode(data), msgspec.json.encode(metadata or {})
    return RecordedEvent(7, stream, 3, type, raw, meta, UUID(int=5).bytes, 1_700_000_000_000_000)

"""What an incident holds, and its place: a stream of its own in the same store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from backstory.core.errors import InvalidEvent, MomentNotFound
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.timemachine.captures.code import CodeVersion

CATEGORY: Final = "incident"
TYPE: Final = "incident-recorded"


class FailedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command that failed: to which stream, of which class, its fields, and what it saw.

    `command` is `module:Class`. `revision` is the last one of the stream when the command was
    decided, None when there was no stream.
    """

    stream: str
    command: str
    fields: msgspec.Raw
    revision: int | None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A failure: what was raised, when, and where everything stood.

    `position` is the end of the log then, `checkpoints` what each projection had applied, `check`
    the name of a check that failed, if it was one.
    """

    id: UUID
    application: str
    error: str
    message: str
    traceback: str
    happened_at: datetime
    position: int
    checkpoints: Mapping[str, int]
    correlation: str | None
    code: CodeVersion
    command: FailedCommand | None = None
    check: str | None = None

    @property
    def behind(self) -> Mapping[str, int]:
        """Return the projections that lagged, with what they had applied."""
        return {name: at for name, at in self.checkpoints.items() if at < self.position}


def stream_of(incident: UUID) -> str:
    """Return the stream that holds the incident with this id."""
    return f"{CATEGORY}-{incident}"


async def find_incident(store: EventStore, incident: UUID) -> Incident:
    """Return the incident with this id.

    Raises `MomentNotFound` when *store* holds none, or none that this Backstory can read.
    """
    page = await store.read(Read(stream=stream_of(incident), limit=1))
    if not page:
        message = f"the store holds no incident {incident}; is it the right store?"
        raise MomentNotFound(message)
    try:
        return msgspec.json.decode(page[0].data, type=Incident)
    except (msgspec.DecodeError, InvalidEvent) as error:
        message = f"incident {incident} cannot be read: {error}"
        raise MomentNotFound(message) from error

"""How a parked event is applied once more: to a read model, or by calling a reactor's handler."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection

from backstory.core.events import RecordedEvent
from backstory.core.schema import Schema
from backstory.projections.batch import Handling
from backstory.projections.followers import Follower
from backstory.projections.parking import Failure
from backstory.projections.projection import Projection
from backstory.projections.reacting import Reactions
from backstory.projections.reactor import Reactor
from backstory.projections.read_model import ReadModel
from backstory.projections.statements import Plans


class Again(Protocol):
    """Applies one event: `prepare` before the transaction that lets it go, `apply` inside."""

    async def prepare(self, event: RecordedEvent) -> None:
        """Do what is done outside."""
        ...

    def apply(self, connection: Connection, event: RecordedEvent) -> None:
        """Write what there is to write."""
        ...

    def failure(self, event: RecordedEvent, error: Exception) -> Failure:
        """Return why that failed."""
        ...


def again(follower: Follower, schema: Schema, read_model: ReadModel) -> Again:
    """Return what applies the events of *follower* once more."""
    if isinstance(follower, Projection):
        return _ProjectAgain(follower, schema, read_model)
    return _ReactAgain(follower, schema)


class _ProjectAgain:
    def __init__(self, projection: Projection, schema: Schema, read_model: ReadModel) -> None:
        plans = Plans(read_model.database.engine.dialect)
        self._handling = Handling(projection, schema, plans)

    async def prepare(self, event: RecordedEvent) -> None:
        """Do nothing."""

    def apply(self, connection: Connection, event: RecordedEvent) -> None:
        self._handling.apply_one(connection, event)

    def failure(self, event: RecordedEvent, error: Exception) -> Failure:
        return self._handling.failure(event, error)


class _ReactAgain:
    def __init__(self, reactor: Reactor, schema: Schema) -> None:
        self._reactions = Reactions(reactor, schema)

    async def prepare(self, event: RecordedEvent) -> None:
        await self._reactions.react(event)

    def apply(self, _connection: Connection, _event: RecordedEvent) -> None:
        """Do nothing: it is done."""

    def failure(self, event: RecordedEvent, error: Exception) -> Failure:
        return self._reactions.failure(event, error, 1)

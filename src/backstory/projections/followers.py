"""What follows events: projections and reactors, in the one way that workers need to know them."""

from __future__ import annotations

from functools import partial
from typing import TypeAlias

from sqlalchemy import Connection

from backstory.projections.checkpoint import start_checkpoint
from backstory.projections.holding import Make
from backstory.projections.means import Means
from backstory.projections.partitions import Partition
from backstory.projections.projecting import projection_worker
from backstory.projections.projection import Projection
from backstory.projections.reacting import reactor_worker
from backstory.projections.reactor import Reactor

Follower: TypeAlias = Projection | Reactor


def maker_of(follower: Follower, means: Means) -> Make:
    """Return what makes workers of *follower*.

    Raises `InvalidInput` for one without handlers, and `SchemaError` for handlers of events that
    the schema does not hold.
    """
    make: Make
    if isinstance(follower, Projection):
        make = partial(projection_worker, follower, means)
    else:
        make = partial(reactor_worker, follower, means)
    make(Partition(follower.name, 0, follower.partitions), None)  # raises what there is to raise
    return make


async def prepare(follower: Follower, means: Means) -> None:
    """Create what *follower* needs and is not there yet.

    A reactor that is new begins at the present head, or at the first event if it is to. Raises
    `PartitionsChanged`, `ReadModelUnavailable`, and `StoreUnavailable`.
    """
    model = means.read_model
    if isinstance(follower, Projection):
        await means.threads.do(partial(model.prepare_now, follower))
        return
    reactor = follower
    head = 0 if reactor.from_beginning else await means.store.head()

    def start(connection: Connection) -> int:
        model.database.prepare(connection)
        return start_checkpoint(
            connection,
            reactor.name,
            reactor.partitions,
            model.clock(),
            position=head,
            may_change=True,
        )

    await means.threads.do(lambda: model.write(start))

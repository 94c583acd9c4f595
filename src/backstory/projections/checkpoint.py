"""The checkpoint: the position a projection has applied, kept beside the rows it wrote."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from backstory.core.errors import CheckpointMoved
from backstory.projections.tables import checkpoint_table

_read = select(checkpoint_table.c.position).where(
    checkpoint_table.c.projection == bindparam("name")
)
_move = (
    update(checkpoint_table)
    .where(checkpoint_table.c.projection == bindparam("name"))
    .where(checkpoint_table.c.position == bindparam("old"))
    .values(position=bindparam("new"), updated_at=bindparam("now"))
)
_delete = delete(checkpoint_table).where(checkpoint_table.c.projection == bindparam("name"))


def read_checkpoint(connection: Connection, name: str) -> int | None:
    """Return the position projection *name* has applied, None when it was never prepared."""
    return connection.execute(_read, {"name": name}).scalar_one_or_none()


def start_checkpoint(connection: Connection, name: str, now: datetime) -> int:
    """Return the checkpoint of *name*, written with position 0 when there is none."""
    position = read_checkpoint(connection, name)
    if position is not None:
        return position
    row = {"projection": name, "position": 0, "updated_at": now}
    connection.execute(insert(checkpoint_table), row)
    return 0


def move_checkpoint(connection: Connection, name: str, old: int, new: int, now: datetime) -> None:
    """Move the checkpoint of *name* from *old* to *new*.

    Raises `CheckpointMoved` when it is not at *old*. Do this first in a transaction: it takes the
    row's lock, so the worker that comes second waits here and has written nothing when it fails.
    """
    row = {"name": name, "old": old, "new": new, "now": now}
    if connection.execute(_move, row).rowcount != 1:
        there = read_checkpoint(connection, name)
        message = (
            f"the checkpoint of projection {name!r} is at {there}, not at {old}: another worker "
            "moved it, or it was reset. This worker wrote nothing; start it again."
        )
        raise CheckpointMoved(message)


def lock_checkpoint(connection: Connection, name: str, now: datetime) -> None:
    """Keep workers of *name* out until the transaction ends, without moving the checkpoint."""
    position = read_checkpoint(connection, name)
    if position is not None:
        move_checkpoint(connection, name, position, position, now)


def drop_checkpoint(connection: Connection, name: str) -> None:
    """Forget that *name* ever ran."""
    connection.execute(_delete, {"name": name})

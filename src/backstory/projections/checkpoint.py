"""The checkpoint: the position each partition of a projection has applied, beside its rows.

Who needs rows of several kinds takes them in this order: checkpoints, leases, parked events, the
tables of projections. So nobody waits for somebody who waits for him.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Executable, bindparam, delete, func, insert, select, update

from backstory.core.errors import CheckpointMoved, LeaseLost, PartitionsChanged
from backstory.projections.parking import count_parked
from backstory.projections.partitions import Partition, partitions_of
from backstory.projections.tables import checkpoint_table, lease_table

_columns = checkpoint_table.c
_named = _columns.projection == bindparam("name")
_one = _columns.partition == bindparam("number")
_leases_of = lease_table.c.projection == bindparam("name")

_read = select(_columns.position, _columns.token).where(_named, _one)
_lock = _read.with_for_update()
_read_all = select(_columns.position).where(_named).order_by(_columns.partition)
_lock_all = _read_all.with_for_update()
_move = (
    update(checkpoint_table)
    .where(_named, _one, _columns.position == bindparam("old"))
    .values(position=bindparam("new"), updated_at=bindparam("now"))
)
_move_with_token = _move.where(_columns.token == bindparam("mine"))
_tokens = select(func.max(lease_table.c.token)).where(_leases_of)
_delete = delete(checkpoint_table).where(_named)
_delete_leases = delete(lease_table).where(_leases_of)

smallest_position: Executable = select(func.min(_columns.position)).where(_named)
"""Up to which position has every partition of this projection applied everything?"""


def read_checkpoint(connection: Connection, partition: Partition) -> int | None:
    """Return the position *partition* has applied, None when it was never prepared."""
    position: int | None = connection.execute(_read, _key(partition)).scalar()
    return position


def positions_of(connection: Connection, name: str) -> tuple[int, ...]:
    """Return the position of each partition of *name*, none when it never ran."""
    return tuple(connection.execute(_read_all, {"name": name}).scalars())


def start_checkpoint(
    connection: Connection,
    name: str,
    partitions: int,
    now: datetime,
    *,
    position: int = 0,
    may_change: bool = False,
) -> int:
    """Return the position that all partitions of *name* have applied; *position* when it is new.

    Raises `PartitionsChanged` when it has run with another number of partitions. With *may_change*
    that is no error where they all stand at one position and nothing is parked.
    """
    # Without a lock as a rule: a batch under way must keep nobody from starting.
    there: Sequence[int] = connection.execute(_read_all, {"name": name}).scalars().all()
    if len(there) == partitions:
        return min(there)
    if there:
        there = connection.execute(_lock_all, {"name": name}).scalars().all()
        together = len(set(there)) == 1 and not count_parked(connection, name)
        if not together or not (may_change or there[0] == 0):
            raise PartitionsChanged(projection=name, there=len(there), wanted=partitions)
        position = there[0]
    reset_checkpoint(connection, name, partitions, now, position=position)
    return position


def reset_checkpoint(
    connection: Connection, name: str, partitions: int, now: datetime, *, position: int = 0
) -> None:
    """Put all partitions of *name* at *position*; whoever holds a lease of one has lost it."""
    given = {"name": name}
    lock_checkpoints(connection, name)
    newest = connection.execute(_tokens, given).scalar() or 0
    # A token is never given twice: one that was void before must not be good again.
    token = newest + 1 if newest else 0
    connection.execute(_delete, given)
    connection.execute(_delete_leases, given)
    keys = [
        {"projection": name, "partition": partition.number, "token": token}
        for partition in partitions_of(name, partitions)
    ]
    moments = {"position": position, "updated_at": now}
    connection.execute(insert(checkpoint_table), [key | moments for key in keys])
    connection.execute(insert(lease_table), keys)


def move_checkpoint(
    connection: Connection,
    partition: Partition,
    old: int,
    new: int,
    now: datetime,
    *,
    token: int | None = None,
) -> None:
    """Move the checkpoint of *partition* from *old* to *new*, with the *token* of a lease if any.

    Raises `LeaseLost` when the token is not the newest, `CheckpointMoved` when the checkpoint is
    not at *old*. Do this first in a transaction: it takes the row's lock, so the worker that comes
    second waits here and has written nothing when it fails.
    """
    row = {**_key(partition), "old": old, "new": new, "now": now}
    if token is None:
        moved = connection.execute(_move, row)
    else:
        moved = connection.execute(_move_with_token, {**row, "mine": token})
    if moved.rowcount != 1:
        raise _not_moved(connection, partition, old, token)


def _not_moved(
    connection: Connection, partition: Partition, old: int, token: int | None
) -> CheckpointMoved | LeaseLost:
    there = connection.execute(_read, _key(partition)).first()
    if token is not None and (there is None or there.token != token):
        return LeaseLost(projection=partition.projection, partition=partition.number, token=token)
    message = (
        f"the checkpoint of projection {partition.projection!r} (partition {partition.number}) is "
        f"at {None if there is None else there.position}, not at {old}: another worker moved it, "
        "or it was reset. This worker wrote nothing; start it again."
    )
    return CheckpointMoved(message)


def lock_checkpoint(connection: Connection, partition: Partition) -> None:
    """Keep workers of *partition* out until the transaction ends."""
    connection.execute(_lock, _key(partition))


def lock_checkpoints(connection: Connection, name: str) -> None:
    """Keep workers of every partition of *name* out until the transaction ends."""
    connection.execute(_lock_all, {"name": name})


def _key(partition: Partition) -> dict[str, object]:
    return {"name": partition.projection, "number": partition.number}

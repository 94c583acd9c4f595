"""The leases in the database: joining, renewing, taking, releasing.

A lease is good until `expires_at`, by the database's clock. That clock only decides when somebody
else may take it; who may write is decided by the token, which each taking raises.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    update,
)

from backstory.projections.leases.moments import from_now, is_alive, seconds_until
from backstory.projections.leases.stuck import end_stuck
from backstory.projections.partitions import Partition
from backstory.projections.read_model import ReadModel
from backstory.projections.tables import checkpoint_table, lease_table, owner_table

_FORGOTTEN: Final = 60.0
"""Seconds after which a process that does not renew is not remembered any more."""

_lease, _owner, _checkpoint = lease_table.c, owner_table.c, checkpoint_table.c
_end = from_now(bindparam("for_seconds"))
_mine = _lease.owner == bindparam("me")
_of_partition = (_lease.projection == bindparam("name"), _lease.partition == bindparam("number"))
_checkpoint_of_partition = (
    _checkpoint.projection == bindparam("name"),
    _checkpoint.partition == bindparam("number"),
)

_forget = delete(owner_table).where(seconds_until(_owner.expires_at) < -_FORGOTTEN)
_stay = (
    update(owner_table)
    .where(_owner.owner == bindparam("me"))
    .values(expires_at=_end, seconds=bindparam("for_seconds"))
)
_leave = delete(owner_table).where(_owner.owner == bindparam("me"))
_join = insert(owner_table).values(
    owner=bindparam("me"),
    projection=bindparam("name"),
    seconds=bindparam("for_seconds"),
    expires_at=_end,
)
_renew = update(lease_table).where(_mine).values(expires_at=_end, seconds=bindparam("for_seconds"))
_find_mine = select(_lease.projection, _lease.partition, _lease.token).where(_mine)
_lock = select(_checkpoint.token).where(*_checkpoint_of_partition)
_lock_now = _lock.with_for_update(skip_locked=True)
_lock_later = _lock.with_for_update()
_take = (
    update(lease_table)
    .where(*_of_partition, _lease.token == bindparam("seen"))
    .where(or_(_lease.owner.is_(null()), _mine, not_(is_alive(_lease.expires_at, _lease.seconds))))
    .values(
        owner=bindparam("me"),
        token=_lease.token + 1,
        seconds=bindparam("for_seconds"),
        expires_at=_end,
        taken_at=from_now(literal(0.0)),
    )
)
_fence = update(checkpoint_table).where(*_checkpoint_of_partition).values(token=bindparam("newest"))
_nobody = {"owner": null(), "seconds": null(), "expires_at": null()}
_release = update(lease_table).where(*_of_partition, _mine).values(_nobody)
_release_all = update(lease_table).where(_mine).values(_nobody)


class LeaseTable:
    """The leases as one process, the *owner*, deals with them. Every method blocks.

    Who needs rows of several kinds takes checkpoints first, then leases; each method below takes
    the checkpoint of one partition at most. Raises `ReadModelUnavailable`.
    """

    def __init__(self, read_model: ReadModel, owner: str, seconds: float) -> None:
        """Take leases of so many *seconds* in the name of *owner*."""
        self._read_model = read_model
        self.owner = owner
        self.seconds = seconds

    def renew(self, projections: Collection[str]) -> Mapping[tuple[str, int], int]:
        """Say that the owner lives and follows *projections*; prolong its leases.

        Returns the token of each lease it has, by projection and number of the partition. Whatever
        is not among them belongs to others now.
        """
        me: dict[str, object] = {"me": self.owner}
        given = me | {"for_seconds": self.seconds}

        def work(connection: Connection) -> Mapping[tuple[str, int], int]:
            if connection.execute(_stay, given).rowcount != len(projections):
                connection.execute(_leave, me)
                rows = [given | {"name": name} for name in sorted(projections)]
                connection.execute(_join, rows)
            connection.execute(_renew, given)
            mine = connection.execute(_find_mine, me)
            return {(row.projection, row.partition): row.token for row in mine}

        return self._read_model.write(work)

    def forget_the_dead(self) -> None:
        """Remove owners that have not been heard of for long."""
        self._read_model.write(lambda connection: connection.execute(_forget).rowcount)

    def take(self, partition: Partition, seen: int) -> int | None:
        """Take the lease of *partition* if its token is still *seen*; return the new token.

        None when somebody was quicker, when its owner lives, or when a batch is under way. A batch
        of a process that was stopped in the middle of it and has lost its lease is ended first,
        where the database can do that: it could not be written any more, and holds the rows.
        """
        token = self._read_model.write(lambda connection: self._take(connection, partition, seen))
        if token == 0 and self._read_model.write(
            lambda connection: end_stuck(connection, partition)
        ):
            token = self._read_model.write(
                lambda connection: self._take(connection, partition, seen, patient=True)
            )
        return token or None

    def _take(
        self, connection: Connection, partition: Partition, seen: int, *, patient: bool = False
    ) -> int | None:
        """Return the new token, 0 when a batch holds the checkpoint, None when it is not free."""
        key = {"name": partition.projection, "number": partition.number}
        if connection.execute(_lock_later if patient else _lock_now, key).first() is None:
            return 0
        mine = {"me": self.owner, "for_seconds": self.seconds, "seen": seen}
        if connection.execute(_take, key | mine).rowcount != 1:
            return None
        connection.execute(_fence, key | {"newest": seen + 1})
        return seen + 1

    def release(self, partition: Partition) -> None:
        """Let go of the lease of *partition*, so that another may take it at once."""
        given = {
            "name": partition.projection,
            "number": partition.number,
            "me": self.owner,
        }
        self._read_model.write(lambda connection: connection.execute(_release, given).rowcount)

    def leave(self) -> None:
        """Let go of everything; who looks next shares the partitions without this owner."""
        given = {"me": self.owner}

        def work(connection: Connection) -> None:
            connection.execute(_release_all, given)
            connection.execute(_leave, given)

        self._read_model.write(work)

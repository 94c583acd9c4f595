"""Ending a transaction that a stopped process left open, where the database can do that."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from backstory.projections.partitions import Partition

# A process that is stopped (SIGSTOP, a suspended machine) in the middle of a transaction keeps its
# locks, and its connection lives on. The row of the checkpoint names that transaction; the lease
# says since when nobody has heard of its owner. Younger transactions are let be: they may be those
# of somebody else, who is only looking after parked events.
_END_STUCK: Final = text(
    """
    SELECT pg_terminate_backend(session.pid)
    FROM backstory_checkpoint AS checkpoint
    JOIN backstory_lease AS lease USING (projection, partition)
    JOIN pg_catalog.pg_stat_activity AS session ON session.backend_xid = checkpoint.xmax
    WHERE projection = :name
      AND partition = :number
      AND lease.expires_at <= clock_timestamp()
      AND session.xact_start < clock_timestamp() - make_interval(secs => lease.seconds / 2)
    """
)
"""Who holds this checkpoint although its lease has expired? End that session."""


def end_stuck(connection: Connection, partition: Partition) -> bool:
    """End the session that holds the checkpoint of *partition* without a lease; say whether so.

    SQLite has one lock for the whole file, and who holds it cannot be ended from outside: there
    everybody waits until the process goes on or is killed.
    """
    if connection.dialect.name != "postgresql":
        return False
    given = {"name": partition.projection, "number": partition.number}
    return any(connection.execute(_END_STUCK, given).scalars())

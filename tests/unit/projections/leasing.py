"""What the tests of leases share: time that is set, and looks into the tables."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from backstory.projections.leases.table import LeaseTable
from backstory.projections.partitions import Partition
from backstory.projections.read_model import ReadModel
from backstory.projections.tables import checkpoint_table, lease_table, owner_table

LONG = 60.0


def table_of(read_model: ReadModel, owner: str, seconds: float = LONG) -> LeaseTable:
    """Return the leases as *owner* deals with them."""
    return LeaseTable(read_model, owner, seconds)


def move_clock(read_model: ReadModel, seconds: float) -> None:
    """Let the database's clock jump by *seconds*: every moment in its tables is so much older."""

    def work(connection: Connection) -> None:
        for table in (lease_table, owner_table):
            key = list(table.primary_key)
            rows = connection.execute(select(*key, table.c.expires_at)).all()
            for *values, moment in rows:
                which = [column == value for column, value in zip(key, values, strict=True)]
                moved = _moved(moment, seconds)
                connection.execute(update(table).where(*which).values(expires_at=moved))

    read_model.write(work)


def _moved(moment: datetime | None, seconds: float) -> datetime | None:
    return None if moment is None else moment - timedelta(seconds=seconds)


def token_of(read_model: ReadModel, partition: Partition) -> int:
    """Return the token that batches of *partition* need now."""
    found = select(checkpoint_table.c.token).where(
        checkpoint_table.c.projection == partition.projection,
        checkpoint_table.c.partition == partition.number,
    )
    token: int = read_model.write(lambda connection: connection.execute(found).scalar_one())
    return token

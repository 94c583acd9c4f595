"""Plain statements on PostgreSQL: many rows of an INSERT in one COPY, others in one pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.sql.compiler import SQLCompiler

from backstory.projections.postgres.copying import Copying, copying_of
from backstory.projections.statements import DriverPlan, Meant

FEWEST_TO_COPY: Final = 40
"""Rows from which on COPY costs less than a pipeline."""


class PostgresPlan(DriverPlan):
    """Runs a plain statement through the driver.

    An INSERT without ON CONFLICT becomes COPY where that does the same to every row: rows arrive
    in order, so numbers are given in order. Everything else is sent once per row, without waiting
    for answers in between; what a row sees is what it would see alone.
    """

    def __init__(self, meant: Meant, compiled: SQLCompiler) -> None:
        """Keep them; see `DriverPlan`."""
        super().__init__(meant, compiled)
        self._copying: Copying | None = None
        self._looked = ""

    def run(self, connection: Connection, rows: Sequence[object]) -> None:
        """Run one row, or all rows in one go."""
        copying = self._copying_on(connection) if len(rows) >= FEWEST_TO_COPY else None
        if copying is None:
            super().run(connection, rows)
            return
        values = self.processed(rows)
        if not copying.takes(values):
            self.send(connection, values)
            return
        self._looked = ""  # when it fails, the table may be another one by now
        copying.run(connection, values)
        self._looked = self.sql(connection)

    def _copying_on(self, connection: Connection) -> Copying | None:
        """Return how to COPY; the server's catalogue is asked once for each schema."""
        sql = self.sql(connection)
        if self._looked != sql:
            self._copying = copying_of(connection, self.meant.statement, self.names, sql)
            self._looked = sql
        return self._copying

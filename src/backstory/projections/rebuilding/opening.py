"""Which place beside a read model its kind of database has."""

from __future__ import annotations

from backstory.core.errors import RebuildRefused
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.rebuilding.beside import Beside
from backstory.projections.rebuilding.sqlite import SqliteBeside
from backstory.projections.sqlite import SqliteDatabase


def beside_of(read_model: ReadModel, projection: Projection, *, discard: bool) -> Beside:
    """Return where the tables of *projection* are built anew, beside those of *read_model*.

    Raises `RebuildRefused` when there is no such place.
    """
    elsewhere = [str(table) for table in projection.tables if table.schema is not None]
    if elsewhere:
        message = (
            f"{', '.join(elsewhere)} names its own schema, so there is no other place to build it "
            "in; let the read model's schema be the one, and leave it out of the Table"
        )
        raise RebuildRefused(message)
    database = read_model.database
    if isinstance(database, SqliteDatabase):
        return SqliteBeside(database, projection)
    from backstory.projections.postgres.database import PostgresDatabase  # noqa: PLC0415 - its driver is an extra
    from backstory.projections.rebuilding.postgres import PostgresBeside  # noqa: PLC0415 - (as above)

    assert isinstance(database, PostgresDatabase)  # noqa: S101 - there is no third kind
    return PostgresBeside(database, projection, discard=discard)

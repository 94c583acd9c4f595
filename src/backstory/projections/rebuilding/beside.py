"""What a rebuild needs of a database, so that each kind is one file."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Table

from backstory.projections.database import Database


class Beside(Protocol):
    """The place beside the live tables of one projection where they are built anew.

    Every method blocks. "Live" are the tables that people read meanwhile.
    """

    def alone(self) -> AbstractContextManager[None]:
        """Keep other rebuilds of the projection out, until the block or the process ends.

        Raises `RebuildRefused` when there is one under way.
        """
        ...

    def check(self, *, keep: bool) -> None:
        """Raise `RebuildRefused` for what would be lost; with *keep* old tables are kept."""
        ...

    def database(self) -> Database:
        """Return the database in which the new tables are built; the caller closes it."""
        ...

    def locked(self) -> AbstractContextManager[Connection]:
        """Open a transaction in which no worker can write to the live tables; readers go on."""
        ...

    def look(self) -> AbstractContextManager[Connection]:
        """Open a transaction that goes on to see everything, in both places, as it is now."""
        ...

    def live(self, table: Table) -> Table:
        """Return *table* as it stands live, for connections of `locked` and `look`."""
        ...

    def rebuilt(self, table: Table) -> Table:
        """Return *table* as it was built, for connections of `locked` and `look`."""
        ...

    def swap(self, locked: Connection, *, keep: bool) -> None:
        """Put the new tables where the old ones are, in the transaction of `locked`.

        The old ones are dropped with it, or kept where it is told by `kept`.
        """
        ...

    @property
    def kept(self) -> str:
        """Return where the old tables are when they are kept, in words."""
        ...

    def remove(self) -> None:
        """Remove everything that was built, and nothing that is live or kept."""
        ...

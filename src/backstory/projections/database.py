"""What a read model needs of its database, so that each kind is one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sqlalchemy import Connection, Engine, Executable

if TYPE_CHECKING:
    from backstory.projections.lookup import Lookup

Values: TypeAlias = tuple[object, ...]
"""One row, as Python values in the order of the columns."""

Schemas: TypeAlias = Mapping[str | None, str | None]
"""The schemas that are put in for those that tables name; see SQLAlchemy's schema_translate_map."""


class Database(Protocol):
    """A database of read models. Its methods may be called from any thread."""

    @property
    def engine(self) -> Engine:
        """Return the engine; a transaction begun on it reads without disturbing a writer."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a transaction that writes; it commits at the end, and rolls back on an error."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction that sees one state of the database and cannot change it."""
        ...

    def prepare(self, connection: Connection) -> None:
        """Make ready to create tables: until the transaction ends, nobody else creates any."""
        ...

    def fetch(self, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Values]:
        """Return all rows of a query, seeing what is committed."""
        ...

    async def read(
        self, statement: Executable, parameters: Mapping[str, object]
    ) -> Sequence[Values]:
        """Do what `fetch` does, in the way that keeps the event loop waiting least."""
        ...

    async def find(self, lookup: Lookup, keys: Sequence[object]) -> Sequence[Values]:
        """Return the rows of *keys*, in any order."""
        ...

    def is_unavailable(self, error: BaseException) -> bool:
        """Say whether *error* is the database's state and no fault of a statement: try again."""
        ...

    def close(self) -> None:
        """Let go of every connection; closing twice is allowed."""
        ...

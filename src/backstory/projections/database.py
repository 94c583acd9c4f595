"""What a read model needs of its database, so that each kind is one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from sqlalchemy import Connection, Engine, Executable

Values: TypeAlias = tuple[object, ...]
"""One row, as Python values in the order of the columns."""


class Database(Protocol):
    """A database of read models. Its methods may be called from any thread."""

    @property
    def engine(self) -> Engine:
        """Return the engine; a transaction begun on it reads without disturbing a writer."""
        ...

    @property
    def reads_at_once(self) -> bool:
        """Say whether `fetch` is quick enough for the event loop: no network, no lock."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a transaction that writes; it commits at the end, and rolls back on an error."""
        ...

    def fetch(self, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Values]:
        """Return all rows of a query, seeing what is committed."""
        ...

    def is_unavailable(self, error: BaseException) -> bool:
        """Say whether *error* is the database's state and no fault of a statement: try again."""
        ...

    def close(self) -> None:
        """Let go of every connection; closing twice is allowed."""
        ...

"""Queries compiled once, for reads that should cost little more than the database's own work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

from sqlalchemy import Executable, Select
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.cache_key import CacheKey
from sqlalchemy.sql.compiler import SQLCompiler

from backstory.projections.database import Schemas, Values

Processor: TypeAlias = Callable[[object], object]

_MOST_REMEMBERED = 500


class Query:
    """One compiled SELECT: its SQL, and how values go in and come out."""

    def __init__(self, compiled: SQLCompiler, columns: Sequence[Processor | None]) -> None:
        """Keep what *compiled* says, and a processor for each column that needs one."""
        dialect = compiled.dialect
        self.sql: str = str(compiled)
        self._compiled = compiled
        self._names = tuple(compiled.positiontup or ())
        self._into: list[Processor | None] = [
            compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            for name in self._names
        ]
        self._out = [(i, processor) for i, processor in enumerate(columns) if processor]

    def parameters(self, given: Mapping[str, object], key: CacheKey) -> list[object]:
        """Return *given*, and what the statement of *key* holds, as the driver takes them."""
        values = self._compiled.construct_params(
            given, extracted_parameters=key.bindparams, escape_names=False
        )
        return [
            values[name] if processor is None else processor(values[name])
            for name, processor in zip(self._names, self._into, strict=True)
        ]

    def values(self, rows: Sequence[Values]) -> Sequence[Values]:
        """Return driver *rows* as Python values."""
        if not self._out:
            return rows
        return [self._row(row) for row in rows]

    def _row(self, row: Values) -> Values:
        values = list(row)
        for index, processor in self._out:
            values[index] = processor(values[index])
        return tuple(values)


class Queries:
    """Finds the compiled form of a SELECT by what it means, and remembers a bounded number."""

    def __init__(self, dialect: Dialect, schemas: Schemas | None = None) -> None:
        """Compile for *dialect*, with the names of *schemas* put in."""
        self._dialect = dialect
        self._schemas = schemas
        self._known: dict[object, Query | None] = {}

    def find(self, statement: Executable) -> tuple[Query, CacheKey] | None:
        """Return *statement* compiled, with its key; None when it is not a plain SELECT."""
        if not isinstance(statement, Select):
            return None
        # As in `statements`: SQLAlchemy's measure of "compiles to the same SQL".
        key = statement._generate_cache_key()  # noqa: SLF001 - it has no public name
        if key is None:
            return None
        if key.key not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key.key] = self._compile(statement, key)
        query = self._known[key.key]
        return None if query is None else (query, key)

    def _compile(self, statement: Select[*tuple[object, ...]], key: CacheKey) -> Query | None:
        compiled = statement.compile(
            dialect=self._dialect,
            cache_key=key,
            schema_translate_map=self._schemas,
            render_schema_translate=self._schemas is not None,
        )
        if not compiled.positional or compiled.literal_execute_params:
            return None
        if compiled.post_compile_params or compiled.escaped_bind_names:
            return None
        types = [column.type for column in statement.selected_columns]
        found = [
            type_.dialect_impl(self._dialect).result_processor(self._dialect, None)
            for type_ in types
        ]
        return Query(compiled, cast("list[Processor | None]", found))

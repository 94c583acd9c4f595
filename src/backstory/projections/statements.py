"""Statements compiled once, and run through the driver with nothing in between.

SQLAlchemy prepares each execution anew, which costs several times what a row costs SQLite. Here a
plain INSERT, UPDATE or DELETE is compiled the first time it is met; after that an event costs a
tuple. Whatever is not plain goes through `Connection.execute` and behaves as always.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final, Protocol, cast

from sqlalchemy import Connection, Executable, UpdateBase
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.cache_key import CacheKey, HasCacheKey
from sqlalchemy.sql.compiler import SQLCompiler

from backstory.core.errors import InvalidInput
from backstory.projections.database import Schemas, Values
from backstory.projections.touching import Touched, touched_by

_MOST_REMEMBERED: Final = 500


class Plan(Protocol):
    """How one statement is run; equal statements share a plan."""

    take: Callable[[Mapping[str, object]], object] | None
    """Makes a row of parameters, where the parameters are all there is to a row."""

    touches: Touched | None
    """Which tables it reads, writes, or may change the rows of; None when that is not known."""

    def row(self, parameters: Mapping[str, object], key: CacheKey | None) -> object:
        """Return what *parameters*, and the values inside the statement of *key*, come to."""
        ...

    def run(self, connection: Connection, rows: Sequence[object]) -> None:
        """Run the statement once for each row, in order."""
        ...


class Meant:
    """A statement, the names of the parameters it is given, and what it means."""

    def __init__(self, statement: UpdateBase, given: Collection[str], key: CacheKey) -> None:
        """Keep them."""
        self.statement = statement
        self.given: Collection[str] = given
        self._key = key

    def compiled(self, dialect: Dialect, schemas: Schemas | None = None) -> SQLCompiler:
        """Return it as SQL of *dialect*, with the names of *schemas* put in."""
        compiled = self.statement.compile(
            dialect=dialect,
            cache_key=self._key,
            column_keys=list(self.given),
            for_executemany=True,
            schema_translate_map=schemas,
            render_schema_translate=schemas is not None,
        )
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - what every dialect has for these
        return compiled


class DriverPlan:
    """Runs a plain statement on the driver's cursor, with rows as the driver takes them."""

    def __init__(self, meant: Meant, compiled: SQLCompiler) -> None:
        """Keep what is *meant*, and what *compiled*, its SQL without schemas, says."""
        self.meant = meant
        self._compiled = compiled
        self._schemas: Schemas | None = None
        self._sql = compiled.string
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self._all = _getter(self.names)
        whole = set(self.names) <= set(meant.given)
        self.take: Callable[[Mapping[str, object]], object] | None = self._all if whole else None
        self.touches: Touched | None = touched_by(meant.statement)
        found = [_bind_processor(compiled, name) for name in self.names]
        self._processors = [(i, processor) for i, processor in enumerate(found) if processor]

    def row(self, parameters: Mapping[str, object], key: CacheKey | None) -> object:
        """Return the values in the driver's order; raises when one is missing."""
        if self.take is None and key is not None:
            parameters = self._compiled.construct_params(
                parameters, extracted_parameters=key.bindparams, escape_names=False
            )
        return self._all(parameters)

    def run(self, connection: Connection, rows: Sequence[object]) -> None:
        """Run one row, or all rows in one call of the driver."""
        self.send(connection, self.processed(rows))

    def send(self, connection: Connection, values: Sequence[Values]) -> None:
        """Give the driver rows as it takes them."""
        sql = self.sql(connection)
        cursor = connection.connection.cursor()
        try:
            if len(values) == 1:
                cursor.execute(sql, values[0])
            else:
                # Not one INSERT of many rows: SQLite would keep a journal to undo half of it.
                cursor.executemany(sql, values)
        finally:
            cursor.close()

    def sql(self, connection: Connection) -> str:
        """Return the SQL with the schemas that *connection* puts in."""
        schemas: Schemas | None = connection.get_execution_options().get("schema_translate_map")
        if schemas != self._schemas:
            self._schemas = schemas
            self._sql = self.meant.compiled(connection.dialect, schemas).string
        return self._sql

    def processed(self, rows: Sequence[object]) -> Sequence[Values]:
        """Return *rows* with each value as the driver takes it."""
        values = cast("Sequence[Values]", rows)
        if not self._processors:
            return values
        columns: list[Iterable[object]] = list(zip(*values, strict=True))
        for index, processor in self._processors:
            columns[index] = map(processor, columns[index])
        return list(zip(*columns, strict=True))


class OrdinaryPlan:
    """Runs a statement as SQLAlchemy runs any, with its parameters as rows."""

    def __init__(self, statement: Executable) -> None:
        """Keep the *statement*."""
        self._statement = statement
        self.take: Callable[[Mapping[str, object]], object] | None = dict
        self.touches: Touched | None = None

    def row(self, parameters: Mapping[str, object], key: CacheKey | None) -> object:  # noqa: ARG002 - the protocol's
        """Return the *parameters* as they are."""
        return dict(parameters)

    def run(self, connection: Connection, rows: Sequence[object]) -> None:
        """Run all rows at once, or one by one where they have no parameters."""
        given = cast("Sequence[dict[str, object]]", rows)
        if len(given) > 1 and given[0]:
            connection.execute(self._statement, given)
        else:
            for row in given:
                connection.execute(self._statement, row)


class Plans:
    """Finds the plan of a statement by what it means, and remembers a bounded number of them."""

    def __init__(self, dialect: Dialect) -> None:
        """Compile for *dialect*."""
        self._dialect = dialect
        self._driver_plan = _driver_plan(dialect)
        self._known: dict[object, Plan] = {}

    def find(self, statement: Executable, parameters: Mapping[str, object]) -> tuple[Plan, object]:
        """Return the plan of *statement*, and the row that *parameters* are for it.

        Raises `InvalidInput` for what is no statement, and for a parameter it does not take.
        """
        key = _meaning(statement)
        if key is None:
            plan: Plan = OrdinaryPlan(statement)
            return plan, plan.row(parameters, None)
        meaning = (key.key, tuple(parameters))
        known = self._known.get(meaning)
        if known is None:
            known = self._plan(statement, meaning[1], key)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            if not (key.bindparams and isinstance(known, OrdinaryPlan)):
                self._known[meaning] = known
        return known, known.row(parameters, key)

    def _plan(self, statement: Executable, names: tuple[str, ...], key: CacheKey) -> Plan:
        if not isinstance(statement, UpdateBase):
            return OrdinaryPlan(statement)
        meant = Meant(statement, names, key)
        compiled = meant.compiled(self._dialect)
        _check_names(compiled, names)
        if self._dialect.positional and key.params is None and _is_plain(compiled):
            return self._driver_plan(meant, compiled)
        return OrdinaryPlan(statement)


def _driver_plan(dialect: Dialect) -> Callable[[Meant, SQLCompiler], Plan]:
    if dialect.name == "postgresql":
        from backstory.projections.postgres.plan import PostgresPlan  # noqa: PLC0415 - its driver is an extra

        return PostgresPlan
    return DriverPlan


def _meaning(statement: object) -> CacheKey | None:
    """Return SQLAlchemy's own measure of "compiles to the same SQL", None where it has none."""
    if not isinstance(statement, Executable):
        message = (
            "a write is a SQLAlchemy statement, alone or with its parameters, not "
            f"{type(statement).__name__}"
        )
        raise InvalidInput(message)
    if not isinstance(statement, HasCacheKey):
        return None
    # A constant keeps its key and answers at once; a statement made anew takes a while.
    return statement._generate_cache_key()  # noqa: SLF001 - it has no public name


def _check_names(compiled: SQLCompiler, names: tuple[str, ...]) -> None:
    # SQLAlchemy passes over such names: a misspelt column would be NULL from then on.
    unknown = sorted(set(names) - compiled.binds.keys())
    if unknown:
        message = f"the statement takes no parameter {unknown[0]!r}: {compiled}"
        raise InvalidInput(message)


def _is_plain(compiled: SQLCompiler) -> bool:
    """Say whether the SQL and its parameters are all there is to run."""
    return not (
        compiled.insert_prefetch
        or compiled.update_prefetch
        or compiled.effective_returning
        or compiled.literal_execute_params
        or compiled.post_compile_params
        or compiled.escaped_bind_names
    )


def _getter(names: tuple[str, ...]) -> Callable[[Mapping[str, object]], Values]:
    if len(names) == 1:
        (name,) = names
        return lambda parameters: (parameters[name],)
    if not names:
        return lambda _: ()
    return itemgetter(*names)


def _bind_processor(compiled: SQLCompiler, name: str) -> Callable[[object], object] | None:
    dialect = compiled.dialect
    return compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)

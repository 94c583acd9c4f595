"""Statements compiled once, and run through the driver with nothing in between.

SQLAlchemy prepares each execution anew, which costs several times what a row costs SQLite. Here a
plain INSERT, UPDATE or DELETE is compiled the first time it is met; after that an event costs a
tuple. Whatever is not plain goes through `Connection.execute` and behaves as always.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final, Protocol, TypeAlias, cast

from sqlalchemy import Connection, Executable, UpdateBase
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.cache_key import CacheKey, HasCacheKey
from sqlalchemy.sql.compiler import SQLCompiler

from backstory.core.errors import InvalidInput

Values: TypeAlias = tuple[object, ...]

_MOST_REMEMBERED: Final = 500


class Plan(Protocol):
    """How one statement is run; equal statements share a plan."""

    take: Callable[[Mapping[str, object]], object] | None
    """Makes a row of parameters, where the parameters are all there is to a row."""

    def row(self, parameters: Mapping[str, object], key: CacheKey | None) -> object:
        """Return what *parameters*, and the values inside the statement of *key*, come to."""
        ...

    def run(self, connection: Connection, rows: Sequence[object]) -> None:
        """Run the statement once for each row, in order."""
        ...


class DriverPlan:
    """Runs a plain statement on the driver's cursor, with rows as the driver takes them."""

    def __init__(self, compiled: SQLCompiler, given: Collection[str], dialect: Dialect) -> None:
        """Keep what *compiled* says; *given* are the names of the parameters of each row."""
        self._compiled = compiled
        self._sql = str(compiled)
        names = tuple(compiled.positiontup or ())
        self._all = _getter(names)
        whole = set(names) <= set(given)
        self.take: Callable[[Mapping[str, object]], object] | None = self._all if whole else None
        found = [_bind_processor(compiled, name, dialect) for name in names]
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
        values = self._processed(cast("Sequence[Values]", rows))
        cursor = connection.connection.cursor()
        try:
            if len(values) == 1:
                cursor.execute(self._sql, values[0])
            else:
                # Not one INSERT of many rows: SQLite would keep a journal to undo half of it.
                cursor.executemany(self._sql, values)
        finally:
            cursor.close()

    def _processed(self, rows: Sequence[Values]) -> Sequence[Values]:
        if not self._processors:
            return rows
        columns: list[Iterable[object]] = list(zip(*rows, strict=True))
        for index, processor in self._processors:
            columns[index] = map(processor, columns[index])
        return list(zip(*columns, strict=True))


class OrdinaryPlan:
    """Runs a statement as SQLAlchemy runs any, with its parameters as rows."""

    def __init__(self, statement: Executable) -> None:
        """Keep the *statement*."""
        self._statement = statement
        self.take: Callable[[Mapping[str, object]], object] | None = dict

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

    def __init__(self, dialect: Dialect, *, translated: bool = False) -> None:
        """Compile for *dialect*; *translated* says that schema names are put in on execution."""
        self._dialect = dialect
        self._direct = dialect.positional and not translated
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
        compiled = statement.compile(
            dialect=self._dialect, cache_key=key, column_keys=list(names), for_executemany=True
        )
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - what every dialect has for these
        _check_names(compiled, names)
        if self._direct and key.params is None and _is_plain(compiled):
            return DriverPlan(compiled, names, self._dialect)
        return OrdinaryPlan(statement)


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


def _bind_processor(
    compiled: SQLCompiler, name: str, dialect: Dialect
) -> Callable[[object], object] | None:
    return compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)

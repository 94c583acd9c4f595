"""Time by the clock of the database, in SQL: the same clock for all who share its leases."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast

from sqlalchemy import ColumnElement, Float, and_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from backstory.projections.columns import UtcDateTime

_LONGEST: Final = 2.0


class FromNow(FunctionElement[datetime]):
    """The moment so many seconds after now."""

    type: TypeEngine[datetime] = UtcDateTime()
    inherit_cache: bool | None = True


class SecondsUntil(FunctionElement[float]):
    """How many seconds it is from now to a moment; negative when that has passed."""

    type: TypeEngine[float] = Float()
    inherit_cache: bool | None = True


def from_now(seconds: ColumnElement[float]) -> ColumnElement[datetime]:
    """Return the moment *seconds* after now, as SQL."""
    return cast("ColumnElement[datetime]", FromNow(seconds))


def is_alive(
    expires_at: ColumnElement[datetime], seconds: ColumnElement[float]
) -> ColumnElement[bool]:
    """Return whether what was given for so many *seconds*, until *expires_at*, is still good.

    What ends further in the future than twice its own time was given by a clock that has been set
    back since. It is not good: no clock may keep others out for long.
    """
    left = seconds_until(expires_at)
    return and_(left > 0, left <= _LONGEST * seconds)


def seconds_until(moment: ColumnElement[datetime]) -> ColumnElement[float]:
    """Return the seconds from now to *moment*, as SQL."""
    return cast("ColumnElement[float]", SecondsUntil(moment))


@compiles(FromNow, "sqlite")
def _from_now_sqlite(element: FromNow, compiler: SQLCompiler, **options: object) -> str:
    seconds = compiler.process(element.clauses, **options)
    # The text that UtcDateTime writes, to the millisecond that SQLite knows.
    return f"strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', printf('%+.3f seconds', {seconds}))"


@compiles(FromNow, "postgresql")
def _from_now_postgresql(element: FromNow, compiler: SQLCompiler, **options: object) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


@compiles(SecondsUntil, "sqlite")
def _seconds_until_sqlite(element: SecondsUntil, compiler: SQLCompiler, **options: object) -> str:
    moment = compiler.process(element.clauses, **options)
    return f"((julianday({moment}) - julianday('now')) * 86400.0)"


@compiles(SecondsUntil, "postgresql")
def _seconds_until_postgresql(
    element: SecondsUntil, compiler: SQLCompiler, **options: object
) -> str:
    moment = compiler.process(element.clauses, **options)
    return f"CAST(extract(epoch FROM ({moment}) - clock_timestamp()) AS DOUBLE PRECISION)"

"""Breakpoints as they are written: `type user-renamed`, `path user.fullName where id=7`."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Table

from backstory.application import Application
from backstory.core.errors import InvalidSetting
from backstory.timemachine.stepping.breakpoints import Breakpoint
from backstory.timemachine.stepping.expressions import Expression

FORMS: Final = (
    "type NAME, stream NAME, category NAME, path TABLE.COLUMN [where COLUMN=VALUE], "
    "path STREAM:PATH, failure, where EXPRESSION"
)
_WORD: Final = re.compile(r"\S+")


def breakpoint_of(text: str, application: Application) -> Breakpoint:
    """Return the breakpoint that *text* says; raises `InvalidInput` when it says none."""
    found = _WORD.match(text)
    kind = found[0] if found else ""
    rest = text[len(kind) :].strip()
    if kind == "failure" and not rest:
        return Breakpoint.on_failure()
    if kind not in ("type", "stream", "category", "path", "where") or not rest:
        message = f"{text!r} is no breakpoint; write one of: {FORMS}"
        raise InvalidSetting(message)
    if kind == "where":
        return Breakpoint.when(Expression(rest, application.schema), f"where {rest}")
    words = words_of(rest)
    if kind == "path":
        return path_of(words, application)
    if len(words) > 1:
        message = f"{rest!r} is more than one name; put it into quotes if it is one"
        raise InvalidSetting(message)
    made = {
        "type": Breakpoint.on_type,
        "stream": Breakpoint.on_stream,
        "category": Breakpoint.on_category,
    }
    return made[kind](words[0])


def path_of(words: Sequence[str], application: Application) -> Breakpoint:
    """Return the breakpoint of a path, given in *words*: of a table's column or of a state."""
    path, *more = words
    tables = tables_of(application)
    if path in tables:
        return Breakpoint.on_column(tables[path], where=conditions_of(more))
    name, dot, column = path.rpartition(".")
    if dot and name in tables:
        return Breakpoint.on_column(tables[name], column, where=conditions_of(more))
    stream, colon, inside = path.rpartition(":")
    if not colon:
        raise InvalidSetting(_no_path(path, tables))
    if more:
        message = f"{' '.join(more)!r} is too much: a stream has one state"
        raise InvalidSetting(message)
    return Breakpoint.on_state(stream, inside)


def _no_path(path: str, tables: Mapping[str, Table]) -> str:
    known = [f"{name}.{column.name}" for name, table in tables.items() for column in table.columns]
    nearest = difflib.get_close_matches(path, known, n=1, cutoff=0)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"{path!r} is no path: write TABLE.COLUMN, or STREAM:PATH for a part of a state{hint}"


def conditions_of(words: Sequence[str]) -> Mapping[str, str]:
    """Return the conditions in *words*: `where a=1 and b=2`, or none."""
    if not words:
        return {}
    conditions = [word for at, word in enumerate(words[1:]) if at % 2 == 0]
    between = {word.lower() for word in words[2::2]}
    named = dict(_condition(condition) for condition in conditions)
    if words[0].lower() != "where" or not named or between - {"and"} or len(words) % 2:
        message = f"{' '.join(words)!r} is no condition; write: where COLUMN=VALUE and COLUMN=VALUE"
        raise InvalidSetting(message)
    return named


def _condition(word: str) -> tuple[str, str]:
    column, equals, value = word.partition("=")
    if not equals or not column:
        message = f"{word!r} is no condition; write COLUMN=VALUE, without spaces or in quotes"
        raise InvalidSetting(message)
    return column, value


def words_of(text: str) -> list[str]:
    """Return the words of *text*, in which quotes hold spaces."""
    try:
        return shlex.split(text)
    except ValueError as error:
        message = f"{text!r} cannot be read: {error}"
        raise InvalidSetting(message) from error


def tables_of(application: Application) -> Mapping[str, Table]:
    """Return the tables of *application* by their names."""
    return {str(table.name): table for one in application.projections for table in one.tables}

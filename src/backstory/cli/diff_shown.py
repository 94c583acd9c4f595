"""Differences, for people, pipes and programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from backstory.cli.envelope import json_line
from backstory.cli.screen import console, counted, is_terminal, say, write_bytes, write_row
from backstory.cli.values import json_of, raw
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from rich.text import Text

    from backstory.timemachine.diffing.tables import RowDiff, TableDiff
    from backstory.timemachine.diffing.values import PathChange

_SIGNS: Final = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
}


class PathLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `diff --stream --json` writes of each path that differs, in this order."""

    path: str
    change: str
    before: msgspec.Raw | msgspec.UnsetType
    after: msgspec.Raw | msgspec.UnsetType


class TableLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `diff --json` writes of each table, before its rows, in this order."""

    table: str
    key: Sequence[str]
    added: int
    removed: int
    changed: int


class RowLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `diff --json` writes of each row that differs, in this order.

    `columns` are those with another value. A row of a table without a key is there so many `times`
    more, or less.
    """

    table: str
    change: str
    columns: Sequence[str]
    times: int
    before: msgspec.Raw | msgspec.UnsetType
    after: msgspec.Raw | msgspec.UnsetType


def write_paths(changes: Sequence[PathChange], *, json: bool) -> None:
    """Write how a state differs, path by path."""
    for change in changes:
        kind = change.kind.value
        before = msgspec.UNSET if kind == "added" else raw(change.before)
        after = msgspec.UNSET if kind == "removed" else raw(change.after)
        if json:
            line = PathLine(path=change.path, change=kind, before=before, after=after)
            write_bytes([json_line(line)])
        elif is_terminal():
            text = _signed(kind)
            text.append(f"{visible(change.path) or 'the whole state'}: ")
            _append(text, *(_text(one) for one in (before, after) if one is not msgspec.UNSET))
            console().print(text)
        else:
            write_row(kind, change.path, _text(before), _text(after))


def write_table(table: TableDiff, *, json: bool) -> None:
    """Write how a table differs, row by row; nothing for people where it does not."""
    if json:
        line = TableLine(
            table=table.table,
            key=table.key,
            added=table.added,
            removed=table.removed,
            changed=table.changed,
        )
        write_bytes([json_line(line)])
        write_bytes(json_line(_row_line(table, row)) for row in table.rows)
    elif is_terminal():
        _show(table)
    else:
        write_row("table", table.table, table.added, table.removed, table.changed)
        for row in table.rows:
            _write(table, row)
    _say_more(table)


def _say_more(table: TableDiff) -> None:
    total = table.added + table.removed + table.changed
    shown = sum(row.times for row in table.rows)
    if shown < total:
        say(
            f"{table.table}: {shown:,} of {counted(total, 'row')} that differ are shown; "
            "--limit shows more"
        )


def _row_line(table: TableDiff, row: RowDiff) -> RowLine:
    return RowLine(
        table=table.table,
        change=row.kind.value,
        columns=row.columns,
        times=row.times,
        before=msgspec.UNSET if row.before is None else raw(row.before),
        after=msgspec.UNSET if row.after is None else raw(row.after),
    )


def _write(table: TableDiff, row: RowDiff) -> None:
    """Write a row that came or went, or, of one that changed, its key and what is another."""
    fields = [row.kind.value, table.table, row.times]
    if row.before is None or row.after is None:
        write_row(*fields, _document(row.after or row.before or {}), "-", "-")
        return
    values = ({name: side[name] for name in row.columns} for side in (row.before, row.after))
    write_row(*fields, _document(_named(table, row.after)), *map(_document, values))


def _show(table: TableDiff) -> None:
    if table.same:
        return
    out = console()
    numbers = f"+{table.added:,} -{table.removed:,} ~{table.changed:,}"
    out.print(f"{visible(table.table)}  {numbers}", style="bold")
    for row in table.rows:
        text = _signed(row.kind.value)
        if row.times > 1:
            text.append(f"{row.times:,} × ", "bold")
        if row.before is None or row.after is None:
            text.append(_in_words(row.after or row.before or {}), _SIGNS[row.kind.value][1])
        else:
            text.append(_in_words(_named(table, row.after)))
            for name in row.columns:
                text.append(f"  {visible(name)}: ", "bold")
                _append(text, _value(row.before[name]), _value(row.after[name]))
        out.print(text)


def _named(table: TableDiff, row: Mapping[str, object]) -> Mapping[str, object]:
    return {name: row[name] for name in table.key}


def _signed(kind: str) -> Text:
    from rich.text import Text

    sign, style = _SIGNS[kind]
    return Text().append(f"{sign} ", f"bold {style}")


def _append(text: Text, *values: str) -> None:
    for number, value in enumerate(values):
        text.append(" → " if number else "")
        text.append(value, ("red", "green")[number] if len(values) > 1 else "")


def _in_words(row: Mapping[str, object]) -> str:
    return " ".join(f"{visible(name)}={_value(value)}" for name, value in row.items())


def _value(value: object) -> str:
    return json_of(value).decode()


def _document(row: Mapping[str, object]) -> str:
    return _value(dict(row))


def _text(value: msgspec.Raw | msgspec.UnsetType) -> str:
    return "-" if isinstance(value, msgspec.UnsetType) else bytes(value).decode()

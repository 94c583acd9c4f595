"""A step on a terminal: what happened, what it changed, and what went wrong, at one glance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from backstory.cli.screen import console
from backstory.cli.step_lines import data_of, event_fields, reason_of, state_changes
from backstory.cli.values import json_of
from backstory.explore.visible import visible
from backstory.timemachine.diffing.values import Change
from backstory.timemachine.stepping.journal import Kind

if TYPE_CHECKING:
    from rich.text import Text
    from sqlalchemy import Table

    from backstory.core.events import RecordedEvent
    from backstory.timemachine.stepping.journal import RowChange
    from backstory.timemachine.stepping.stepper import Step

_MOST_DATA: Final = 2_000
_MOST_VALUE: Final = 300
"""Characters that are shown of an event's data, and of one value; more would hide the rest."""

_MARKS: Final = {
    Kind.INSERTED: ("+", "green"),
    Kind.DELETED: ("-", "red"),
    Kind.UPDATED: ("~", "yellow"),
    Change.ADDED: ("+", "green"),
    Change.REMOVED: ("-", "red"),
    Change.CHANGED: ("~", "yellow"),
}
_INSIDE: Final = "  "


def print_step(step: Step, tables: Mapping[str, Table], *, undone: bool) -> None:
    """Print *step*; *tables* say which columns name a row."""
    out = console()
    for line in _lines(step, tables, undone=undone):
        out.print(line)
    out.file.flush()


def header(event: RecordedEvent) -> Text:
    """Return the line that names *event*."""
    position, time, stream, revision, kind = map(visible, event_fields(event))
    return _line(
        (position, "bold"),
        ("  ", ""),
        (time, "dim"),
        ("  ", ""),
        (stream, "cyan"),
        (f"@{revision}", "dim"),
        ("  ", ""),
        (kind, "bold green"),
    )


def _lines(step: Step, tables: Mapping[str, Table], *, undone: bool) -> Iterable[Text]:
    mark = ("← ", "bold magenta") if undone else ("→ ", "bold green")
    yield _line(mark).append_text(header(step.event)).append("  undone" if undone else "", "dim")
    yield _line((_INSIDE, ""), (_shortened(data_of(step.event), _MOST_DATA), ""))
    yield from _state(step)
    for change in step.changes:
        yield _row(change, tables.get(change.table))
    yield from _failures(step)


def _state(step: Step) -> Iterable[Text]:
    for change in state_changes(step):
        sign, style = _MARKS[change.kind]
        line = _line((f"{_INSIDE}{sign} ", style), ("state ", "dim"))
        line.append(f"{visible(change.path)} " if change.path else "", style)
        yield line.append_text(_change(change.kind, change.before, change.after))


def _row(change: RowChange, table: Table | None) -> Text:
    sign, style = _MARKS[change.kind]
    line = _line((f"{_INSIDE}{sign} ", style), (visible(change.table), f"bold {style}"))
    before, after = change.before or {}, change.after or {}
    if change.kind is not Kind.UPDATED:
        for name, value in (after or before).items():
            line.append(f" {visible(name)}", "dim").append(f"={_value(value)}", style)
        return line
    key = [] if table is None else [column.name for column in table.primary_key]
    for name in key:
        line.append(f" {visible(name)}={_value(after[name])}", "dim")
    for name in change.columns:
        line.append(f"  {visible(name)} ", style)
        line.append_text(_change(Change.CHANGED, before[name], after[name]))
    return line


def _change(kind: Change, before: object, after: object) -> Text:
    old, new = (_value(before), "red"), (_value(after), "green")
    if kind is Change.ADDED:
        return _line(new)
    if kind is Change.REMOVED:
        return _line(old)
    return _line(old, (" → ", "dim"), new)


def _failures(step: Step) -> Iterable[Text]:
    if step.fold_failure is not None:
        yield _failed(f"the state of {step.event.stream}", reason_of(step.fold_failure))
    for name, failure in step.failures.items():
        yield _failed(name, failure.reason)
        yield _line((f"{_INSIDE}    in {visible(failure.handler)}", "red"))
    for name, reason in step.parked.items():
        yield _failed(f"{name} parked it", reason)
    if step.standing:
        names = ", ".join(step.standing)
        yield _line((f"{_INSIDE}! standing still since an earlier event: {visible(names)}", "red"))


def _failed(who: str, reason: str) -> Text:
    return _line((f"{_INSIDE}✗ {visible(who)}: {visible(reason)}", "bold red"))


def _value(value: object) -> str:
    return _shortened(json_of(value).decode(), _MOST_VALUE)


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return visible(text)
    return f"{visible(text[:most])}… ({len(text):,} characters; --json shows all)"


def _line(*parts: tuple[str, str]) -> Text:
    from rich.text import Text

    return Text.assemble(*parts)

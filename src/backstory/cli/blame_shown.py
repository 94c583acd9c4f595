"""Who is to blame, for people, pipes and programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import json_line, timestamp
from backstory.cli.screen import console, is_terminal, say, write_bytes, write_row
from backstory.cli.values import json_of, raw
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from sqlalchemy import Table

    from backstory.core.events import RecordedEvent
    from backstory.timemachine.blaming.places import Place
    from backstory.timemachine.blaming.states import PathBlame
    from backstory.timemachine.blaming.trail import Blame


class PlaceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of code, as `blame --json` writes it."""

    file: str
    line: int
    function: str
    source: str


class BlameLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `blame --json` writes of each change, in this order.

    `places` are the lines that ran, the handler's first; `handler` is where it begins. A value that
    was not there is absent: `before` of what was added, `after` of what was removed.
    """

    position: int
    recorded_at: str
    stream: str
    revision: int
    type: str
    id: str
    projection: str | None
    table: str | None
    what: str
    before: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    after: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    places: list[PlaceLine]
    handler: PlaceLine | None


def row_line(table: Table, blame: Blame) -> BlameLine:
    """Return what is to be shown of a change of a row."""
    unset = msgspec.UNSET
    return _line(
        blame.event,
        projection=blame.projection,
        table=str(table.name),
        what=blame.column,
        before=unset if blame.row_before is None else raw(blame.before),
        after=unset if blame.row_after is None else raw(blame.after),
        places=blame.places,
        handler=blame.handler,
    )


def path_line(path: str, blame: PathBlame) -> BlameLine:
    """Return what is to be shown of a change of a state."""
    from backstory.timemachine.diffing.paths import MISSING

    unset = msgspec.UNSET
    return _line(
        blame.event,
        projection=None,
        table=None,
        what=path,
        before=unset if blame.before is MISSING else raw(blame.before),
        after=unset if blame.after is MISSING else raw(blame.after),
        places=(),
        handler=blame.place,
    )


def _line(  # noqa: PLR0913 - what a line is made of
    event: RecordedEvent,
    *,
    projection: str | None,
    table: str | None,
    what: str,
    before: msgspec.Raw | msgspec.UnsetType,
    after: msgspec.Raw | msgspec.UnsetType,
    places: Sequence[Place],
    handler: Place | None,
) -> BlameLine:
    return BlameLine(
        position=event.position,
        recorded_at=timestamp(event.recorded_at),
        stream=event.stream,
        revision=event.revision,
        type=event.type,
        id=str(event.id),
        projection=projection,
        table=table,
        what=what,
        before=before,
        after=after,
        places=[_place(place) for place in places],
        handler=None if handler is None else _place(handler),
    )


def _place(place: Place) -> PlaceLine:
    return PlaceLine(file=place.file, line=place.line, function=place.function, source=place.source)


def write_blames(lines: Sequence[BlameLine], *, json: bool) -> None:
    """Write *lines*: as JSON, in colours where a person looks, separated by tabs elsewhere."""
    if json:
        write_bytes(map(json_line, lines))
    elif is_terminal():
        for number, line in enumerate(lines):
            _show(line, first=number == 0)
    else:
        for line in lines:
            _write(line)


def _write(line: BlameLine) -> None:
    place = line.places[-1] if line.places else line.handler
    write_row(
        line.what or "-",
        _text(line.before),
        _text(line.after),
        line.position,
        line.type,
        f"{line.stream}@{line.revision}",
        line.recorded_at,
        "-" if place is None else f"{place.file}:{place.line} {place.function}",
        "-" if place is None else place.source,
    )


def _text(value: msgspec.Raw | msgspec.UnsetType) -> str:
    return "-" if isinstance(value, msgspec.UnsetType) else bytes(value).decode()


def _show(line: BlameLine, *, first: bool) -> None:
    from rich.text import Text

    out = console()
    if not first:
        out.print()
    change = Text()
    what = ".".join(part for part in (line.table, line.what) if part) or "the whole state"
    change.append(visible(what), "bold")
    change.append("  ")
    change.append(_text(line.before), "red")
    change.append(" → ")
    change.append(_text(line.after), "green")
    out.print(change)
    event = Text(f"  position {line.position}, {line.recorded_at}, ")
    event.append(visible(line.type), "green")
    event.append(" in ")
    event.append(visible(f"{line.stream}@{line.revision}"), "cyan")
    out.print(event)
    for place in line.places or filter(None, [line.handler]):
        out.print(Text(f"  {visible(place.file)}:{place.line} {place.function}", "magenta"))
        out.print(Text(f"      {visible(place.source)}"))


def say_row(row: Mapping[str, object]) -> None:
    """Say what a row held, in one line."""
    values = (f"{name}={json_of(value).decode()}" for name, value in row.items())
    say(f"  {', '.join(values)}")

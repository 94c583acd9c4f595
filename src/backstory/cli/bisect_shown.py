"""What a search found, for people and for programs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.check_shown import MARKS
from backstory.cli.envelope import compact, json_line, timestamp
from backstory.cli.screen import console, counted, is_terminal, say, write_bytes, write_row
from backstory.core.errors import InvalidEvent
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from backstory.core.events import RecordedEvent
    from backstory.timemachine.bisecting import Bisected, Flip
    from backstory.timemachine.checking import Judgement

_MOST_SHOWN = 300


class FlipLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `bisect --json` writes of each change, in this order; `first` marks the guilty one."""

    first: bool
    position: int
    since: int
    before: str
    after: str
    words: str
    recorded_at: str | None
    stream: str | None
    revision: int | None
    type: str | None
    id: str | None


def write_flips(
    found: Bisected,
    events: Mapping[int, RecordedEvent | None],
    told: Mapping[int, Judgement],
    *,
    json: bool,
) -> None:
    """Write every change, in the order of the log."""
    for flip in found.flips:
        event = events.get(flip.position)
        words = told[flip.position].words if flip.position in told else ""
        first = flip is found.first or flip == found.first
        if json:
            write_bytes([json_line(_line(flip, event, words, first=first))])
        elif is_terminal():
            _show(flip, event, words, first=first)
        else:
            write_row(
                "first" if first else "then",
                flip.position,
                f"{flip.before.value} -> {flip.after.value}",
                *_fields(event),
                words,
            )


def _line(flip: Flip, event: RecordedEvent | None, words: str, *, first: bool) -> FlipLine:
    return FlipLine(
        first=first,
        position=flip.position,
        since=flip.since,
        before=flip.before.value,
        after=flip.after.value,
        words=words,
        recorded_at=None if event is None else timestamp(event.recorded_at),
        stream=None if event is None else event.stream,
        revision=None if event is None else event.revision,
        type=None if event is None else event.type,
        id=None if event is None else str(event.id),
    )


def _fields(event: RecordedEvent | None) -> tuple[str, ...]:
    if event is None:
        return ("", "", "", "")
    return (
        timestamp(event.recorded_at),
        f"{event.stream}@{event.revision}",
        event.type,
        _data(event),
    )


def _data(event: RecordedEvent) -> str:
    try:
        data = compact(event.data).decode()
    except InvalidEvent:
        return "(no JSON)"
    return data if len(data) <= _MOST_SHOWN else f"{data[:_MOST_SHOWN]}…"


def _show(flip: Flip, event: RecordedEvent | None, words: str, *, first: bool) -> None:
    mark, style = MARKS[flip.after]
    time, place, kind, data = _fields(event)
    screen = console()
    head = f"{mark} position {flip.position}: {flip.before.value} -> {flip.after.value}"
    screen.print(head, style=style if first else "")
    screen.print(visible(f"    {time}  {place}  {kind}"), style="bold" if first else "dim")
    screen.print(visible(f"    {data}"), style="" if first else "dim")
    if words:
        screen.print(visible(f"    {words}"), style=style if first else "dim")
    if flip.position - flip.since > 1:
        screen.print(f"    (one of the events behind {flip.since} and up to {flip.position})")


def say_searched(found: Bisected, seconds: float, source: str, options: Sequence[str]) -> None:
    """Say how it was found, what that means, and what to type next, with the same *options*."""
    asked = f"asked {counted(len(found.asked), 'time')}" if found.asked else "asked at every event"
    say(f"{asked}, {seconds:.1f} s")
    if len(found.flips) > 1:
        say(
            f"it changes {len(found.flips)} times, so it does not simply break once: look at each",
            style="yellow",
        )
    say(f"next: backstory step {shlex.join([source, *options])} --at {found.first.position}")

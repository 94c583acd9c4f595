"""A moment in words and as JSON: its position, the event there and those around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import timestamp
from backstory.cli.screen import console, is_terminal, say
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from backstory.core.events import RecordedEvent
    from backstory.timemachine.locating import Located


class MomentLine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a moment is, as JSON: None for all but the position before the first event."""

    position: int
    recorded_at: str | None
    stream: str | None
    revision: int | None
    type: str | None
    id: str | None


def moment_line(located: Located) -> MomentLine:
    """Return where *located* is."""
    event = located.event
    return MomentLine(
        position=located.position,
        recorded_at=None if event is None else timestamp(event.recorded_at),
        stream=None if event is None else event.stream,
        revision=None if event is None else event.revision,
        type=None if event is None else event.type,
        id=None if event is None else str(event.id),
    )


def in_words(event: RecordedEvent) -> str:
    """Return what *event* is and where, in one line."""
    return (
        f"position {event.position}, {timestamp(event.recorded_at)}, {event.type} in "
        f"{event.stream}@{event.revision}"
    )


def say_moment(located: Located) -> None:
    """Say on stderr where *located* is, between its neighbours where they are known."""
    if located.event is None:
        say("as of position 0: before the first event")
        return
    if not located.before and not located.after:
        say(f"as of {in_words(located.event)}")
        return
    for event in located.before:
        say(f"     {in_words(event)}")
    say(f"  -> {in_words(located.event)}", style="bold")
    for event in located.after:
        say(f"     {in_words(event)}")


def title(text: str) -> None:
    """Write a heading where a person reads stdout."""
    if is_terminal():
        console().print(visible(text), style="bold")

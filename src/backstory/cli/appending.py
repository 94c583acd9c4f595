"""The work of `backstory append`: an append is finished, never broken off in the middle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from backstory.cli.envelope import json_line
from backstory.cli.lines import Run, read_runs
from backstory.cli.opening import opened
from backstory.cli.process import Interrupted, Stop
from backstory.cli.progress import progress
from backstory.cli.screen import counted, is_terminal, say, write_bytes, write_row
from backstory.core.errors import BackstoryError, InvalidInput, OutcomeUnknown
from backstory.core.expected import ANY, Expected

if TYPE_CHECKING:
    from backstory.core.events import Appended, NewEvent
    from backstory.core.store import EventStore

_TRIES: Final = 3
"""How often an append is repeated when its answer was lost; repeating one is safe."""

Work = Callable[[Stop], Coroutine[object, object, int]]


class AppendedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `append --json` writes for each append that is stored."""

    stream: str
    revision: int
    position: int
    events: int


def append_one(url: str, stream: str, event: NewEvent, *, expected: Expected, json: bool) -> Work:
    """Return the work that appends *event* and shows where it stands."""

    async def work(stop: Stop) -> int:
        stop.sets_off(lambda: None)
        async with opened(url) as store:
            appended = await append_surely(store, stream, [event], expected)
        if json:
            write_bytes([_as_json(appended, 1)])
        elif is_terminal():
            write_row(
                f"{appended.stream} revision {appended.revision}, position {appended.position}"
            )
        else:
            write_row(appended.stream, appended.revision, appended.position)
        return 0

    return work


def append_lines(
    url: str, stream: str | None, type_: str | None, *, expected: Expected, json: bool
) -> Work:
    """Return the work that appends what stands on stdin, in order, until it ends."""
    if expected is not ANY and stream is None:
        message = "--expected speaks of one stream: with --lines, name that STREAM"
        raise InvalidInput(message)

    runs_of = partial(read_runs, stream=stream, type_=type_, alone=expected is not ANY)

    async def work(stop: Stop) -> int:
        stop.sets_off(lambda: None)
        done = 0
        try:
            async with opened(url) as store:
                with progress("appending") as bar:
                    async for appended, events in _append_runs(store, runs_of(stop), expected):
                        done += events
                        bar.reach(done)
                        if json:
                            write_bytes([_as_json(appended, events)])
                        if stop.wished:
                            break
        except Interrupted:
            pass  # while waiting for input: every whole line read before is stored
        finally:
            say(f"{counted(done, 'event')} appended")
        return stop.exit_code

    return work


async def _append_runs(
    store: EventStore, runs: Iterable[Run], expected: Expected
) -> AsyncIterator[tuple[Appended, int]]:
    """Append run after run; yield where each ends and how many events it held."""
    for run in runs:
        try:
            appended = await append_surely(store, run.stream, run.events, expected)
        except BackstoryError:
            say(f"stopped before lines {run.first} to {run.last}", style="bold red")
            raise
        yield appended, len(run.events)
        if expected is not ANY:
            expected = appended.revision


async def append_surely(
    store: EventStore, stream: str, events: Sequence[NewEvent], expected: Expected
) -> Appended:
    """Append *events*, once, also when an answer is lost on the way."""
    for _ in range(_TRIES - 1):
        try:
            return await store.append(stream, events, expected=expected)
        except OutcomeUnknown:
            continue
    return await store.append(stream, events, expected=expected)


def _as_json(appended: Appended, events: int) -> bytes:
    return json_line(
        AppendedLine(
            stream=appended.stream,
            revision=appended.revision,
            position=appended.position,
            events=events,
        )
    )

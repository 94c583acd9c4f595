"""Lines of JSON on stdin, as runs of events that one append can take."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from backstory.cli.process import Stop
from backstory.core.errors import InvalidInput
from backstory.core.events import NewEvent
from backstory.core.ids import uuid7
from backstory.core.names import check_stream_name

_MOST_TOGETHER: Final = 1_000
_MOST_BYTES_TOGETHER: Final = 8 * 1024 * 1024
"""Events and bytes after which a run ends, so that an append stays small."""

_LONGEST_LINE: Final = 64 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


class EventLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a line may hold. What only a store can give (the last three) is read over."""

    stream: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    id: UUID | UnsetType = UNSET
    data: msgspec.Raw = msgspec.Raw(b"{}")
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    position: msgspec.Raw = msgspec.Raw(b"")
    revision: msgspec.Raw = msgspec.Raw(b"")
    recorded_at: msgspec.Raw = msgspec.Raw(b"")


class Run(msgspec.Struct):
    """Events of neighbouring lines, *first* to *last*, that go to one stream."""

    stream: str
    events: list[NewEvent]
    first: int
    last: int
    size: int

    def takes(self, stream: str, event: NewEvent) -> bool:
        """Return whether the next line belongs to this run, too."""
        return (
            stream == self.stream
            and len(self.events) < _MOST_TOGETHER
            and self.size + _size(event) <= _MOST_BYTES_TOGETHER
        )

    def add(self, event: NewEvent, number: int) -> None:
        """Take the event of line *number*."""
        self.events.append(event)
        self.size += _size(event)
        self.last = number


_decoder = msgspec.json.Decoder(EventLine)


def read_runs(stop: Stop, *, stream: str | None, type_: str | None, alone: bool) -> Iterator[Run]:
    """Yield what stands on stdin as runs, in order, no later than the lines come.

    *stream* and *type_* stand in for lines that name none; with *alone* no line may name another
    stream. Raises `InvalidInput` for the first line that is no event, after everything before it,
    and `Interrupted` when a signal comes while there is nothing to read.
    """
    for block in _blocks(stop):
        yield from _runs(
            (number, *_event(number, line, stream, type_, alone=alone)) for number, line in block
        )


def _runs(events: Iterable[tuple[int, str, NewEvent]]) -> Iterator[Run]:
    run: Run | None = None
    try:
        for number, stream, event in events:
            if run is not None and not run.takes(stream, event):
                yield run
                run = None
            if run is None:
                run = Run(stream, [], number, number, 0)
            run.add(event, number)
    except InvalidInput:
        if run is not None:
            yield run
        raise
    if run is not None:
        yield run


def _blocks(stop: Stop) -> Iterator[list[tuple[int, bytearray]]]:
    """Yield, again and again, the numbered lines of stdin that can be had without waiting."""
    rest, number = bytearray(), 1
    while chunk := _chunk(stop):
        rest += chunk
        if b"\n" in chunk:
            *whole, rest = rest.split(b"\n")
            yield [(at, line) for at, line in enumerate(whole, number) if line.strip()]
            number += len(whole)
        if len(rest) > _LONGEST_LINE:
            message = f"line {number} is longer than {_LONGEST_LINE:,} bytes; one line is one event"
            raise InvalidInput(message)
    if rest.strip():
        yield [(number, rest)]


def _chunk(stop: Stop) -> bytes:
    with stop.breaks_off_input():
        return os.read(sys.stdin.fileno(), _CHUNK)


def _event(
    number: int, line: bytearray, stream: str | None, type_: str | None, *, alone: bool
) -> tuple[str, NewEvent]:
    try:
        given = _decoder.decode(line)
        target = stream if given.stream is UNSET else given.stream
        kind = type_ if given.type is UNSET else given.type
        event_id = uuid7() if given.id is UNSET else given.id
        event = NewEvent(kind or "", bytes(given.data), bytes(given.metadata), event_id)
        return _checked(target, stream if alone else None), event
    except (InvalidInput, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message = f"line {number}: {error}"
        raise InvalidInput(message) from error


def _checked(target: str | None, only: str | None) -> str:
    if target is None:
        message = "no stream is named, neither on the line nor on the command line"
        raise InvalidInput(message)
    if only is not None and target != only:
        message = f"--expected speaks of {only!r}, the line of {target!r}"
        raise InvalidInput(message)
    return check_stream_name(target)


def _size(event: NewEvent) -> int:
    return len(event.data) + len(event.metadata)

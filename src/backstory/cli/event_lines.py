"""Events on stdout: JSON lines for programs, plain lines for pipes, columns for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from backstory.cli.envelope import compact, envelope, timestamp
from backstory.cli.screen import console, is_terminal, write_bytes
from backstory.core.errors import InvalidEvent
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from backstory.core.events import RecordedEvent

Show = Callable[[Sequence["RecordedEvent"]], None]

_MOST_SHOWN: Final = 2_000
"""Characters of data shown on a terminal; more would hide the events around."""


def event_writer(*, json: bool) -> Show:
    """Return the function that writes pages of events the way stdout wants them."""
    if json:
        return lambda page: write_bytes(map(envelope, page))
    return Columns().show if is_terminal() else lambda page: write_bytes(map(_plain, page))


def _plain(event: RecordedEvent) -> bytes:
    fields = (*_fields(event), visible(_data(event)))
    return "\t".join(fields).encode("utf-8", "replace")


def _fields(event: RecordedEvent) -> tuple[str, str, str, str, str]:
    return (
        str(event.position),
        timestamp(event.recorded_at),
        visible(event.stream),
        str(event.revision),
        visible(event.type),
    )


def _data(event: RecordedEvent) -> str:
    try:
        return compact(event.data).decode()
    except InvalidEvent:
        return f"(no JSON) {event.data!r}"


class Columns:
    """Writes aligned, coloured columns; a column grows when it must and never shrinks."""

    _TITLES: Final = ("position", "recorded at", "stream", "revision", "type")
    _STYLES: Final = ("bold", "dim", "cyan", "dim", "green")
    _RIGHT: Final = (True, False, False, True, False)

    def __init__(self) -> None:
        """Begin with columns as wide as their titles."""
        self._widths = [len(title) for title in self._TITLES]
        self._console = console()
        self._titled = False

    def show(self, page: Sequence[RecordedEvent]) -> None:
        """Write *page*, below the titles when it is the first."""
        rows = [_fields(event) for event in page]
        for column, title in enumerate(self._TITLES):
            longest = max((len(row[column]) for row in rows), default=len(title))
            self._widths[column] = max(self._widths[column], longest)
        if not self._titled:
            self._titled = True
            self._line(self._TITLES, "data", titles=True)
        for row, event in zip(rows, page, strict=True):
            self._line(row, _shortened(_data(event)))
        self._console.file.flush()

    def _line(self, row: Sequence[str], data: str, *, titles: bool = False) -> None:
        from rich.text import Text

        line = Text()
        for field, width, style, right in zip(
            row, self._widths, self._STYLES, self._RIGHT, strict=True
        ):
            text = field.rjust(width) if right else field.ljust(width)
            line.append(text + "  ", "bold" if titles else style)
        line.append(data, "bold" if titles else "")
        self._console.print(line)


def _shortened(data: str) -> str:
    if len(data) <= _MOST_SHOWN:
        return visible(data)
    return f"{visible(data[:_MOST_SHOWN])}… ({len(data):,} characters; --json shows all)"

"""`backstory append`: one event from the command line, or many from lines of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from backstory.cli.parameters import Json, Url

if TYPE_CHECKING:
    from backstory.core.events import NewEvent


Stream = Annotated[str | None, typer.Argument(metavar="STREAM", help="The stream to append to.")]
Type = Annotated[str | None, typer.Argument(metavar="TYPE", help="The event's type.")]
Data = Annotated[
    str,
    typer.Argument(metavar="DATA", help="The event's data as JSON; - reads stdin, @FILE a file."),
]
Metadata = Annotated[
    str,
    typer.Option("--metadata", metavar="JSON", help="A JSON object; - and @FILE as for DATA."),
]
Wanted = Annotated[
    str,
    typer.Option(
        "--expected",
        metavar="WHAT",
        help="any, no-stream, stream-exists, or the stream's last revision.",
    ),
]
Id = Annotated[
    UUID | None,
    typer.Option(
        "--id",
        metavar="UUID",
        help="The event's id; a repeated append with it writes nothing.",
    ),
]
Lines = Annotated[
    bool,
    typer.Option(
        "--lines",
        help="Append many events: lines of JSON on stdin, as `read --json` writes them.",
    ),
]


def append(  # noqa: PLR0913 - one parameter for each option
    url: Url,
    stream: Stream = None,
    type_: Type = None,
    data: Data = "{}",
    *,
    metadata: Metadata = "{}",
    expected: Wanted = "any",
    event_id: Id = None,
    lines: Lines = False,
    json: Json = False,
) -> None:
    """Append an event, durably, and say where it stands: stream, revision, position.

    With --lines, STREAM and TYPE stand in for lines that name none. Events are appended in the
    order of the lines; the first that cannot be ends the command, and everything before it is
    stored.
    """
    from backstory.cli.appending import append_lines, append_one
    from backstory.cli.expectation import expectation_of
    from backstory.cli.process import run

    wanted = expectation_of(expected)
    if lines:
        if event_id is not None or data != "{}" or metadata != "{}":
            message = "with --lines, each line has its own data, metadata and id"
            raise typer.BadParameter(message)
        raise typer.Exit(run(append_lines(url, stream, type_, expected=wanted, json=json)))
    if stream is None or type_ is None:
        message = "name the STREAM and the TYPE of the event"
        raise typer.BadParameter(message)
    event = _event(type_, data, metadata, event_id)
    raise typer.Exit(run(append_one(url, stream, event, expected=wanted, json=json)))


def _event(type_: str, data: str, metadata: str, event_id: UUID | None) -> NewEvent:
    from backstory.core.events import NewEvent
    from backstory.core.ids import uuid7

    if data == metadata == "-":
        message = "data and metadata cannot both come from stdin"
        raise typer.BadParameter(message)
    return NewEvent(type_, _given(data), _given(metadata), event_id or uuid7())


def _given(value: str) -> bytes:
    """Return the document that *value* is, or names."""
    import sys
    from pathlib import Path

    if value == "-":
        return sys.stdin.buffer.read()
    if value.startswith("@"):
        try:
            return Path(value[1:]).read_bytes()
        except OSError as error:
            message = f"cannot read {value[1:]!r}: {error.strerror}"
            raise typer.BadParameter(message) from error
    return value.encode("utf-8", "surrogateescape")

"""What several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backstory.telemetry.log_format import LogFormat

Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="The store: sqlite:///file.db, sqlite:////absolute/file.db or "
        "postgresql://user:password@host:port/database.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON lines, for programs.")]
Category = Annotated[
    str | None, typer.Option("--category", help="Streams of this category alone.", metavar="NAME")
]
Stream = Annotated[str | None, typer.Option("--stream", help="This stream alone.", metavar="NAME")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="Events of this type alone; may be repeated.", metavar="NAME"),
]
LogLines = Annotated[
    LogFormat,
    typer.Option(
        "--log-format",
        metavar="FORMAT",
        help="What is written to stderr: text for people, json for programs.",
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=9_999, help="At most so many.")
]
Prefix = Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Names that begin so.")]
Seconds = Annotated[
    float,
    typer.Option(
        "--seconds", metavar="SECONDS", min=0, help="Time for looking; then the answer is partial."
    ),
]
UsersFile = Annotated[
    Path, typer.Option("--file", metavar="FILE", help="The file of the users, TOML.")
]
UserName = Annotated[str, typer.Argument(metavar="NAME", help="The name that clients give.")]

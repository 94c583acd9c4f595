"""What several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Url = Annotated[
    str,
    typer.Argument(
        metavar="URL", help="The store: sqlite:///file.db or sqlite:////absolute/file.db."
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

"""`backstory tour`: a bug that only happens in production, found in two minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Pace = Annotated[
    float | None,
    typer.Option(
        "--pace",
        metavar="SECONDS",
        min=0,
        help="How long to pause before each step; 3 in a terminal, 0 elsewhere unless given.",
    ),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        "--keep",
        metavar="FOLDER",
        help="Leave everything in this new folder, to go on by hand; else it is removed.",
    ),
]


def tour(*, pace: Pace = None, keep: Keep = None) -> None:
    """Watch a bug happen in a small service, and follow it to the guilty event.

    Starts the user service as the classic tutorial writes it, lets its bug happen, and then finds
    it with the commands that you would type: capture, reproduce, as-of, bisect, step. Everything is
    real: processes, requests, files. Nothing outside a temporary folder is touched.

    Exit code 1 when a step does not end as it should.
    """
    from backstory.cli.touring import Tour

    raise typer.Exit(Tour(pace, keep).run())

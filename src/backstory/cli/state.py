"""`backstory state`: one thing as its events had made it at a moment."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.application import App
from backstory.cli.parameters import Json
from backstory.cli.past import At, Source

Stream = Annotated[str, typer.Argument(metavar="STREAM", help="The stream, such as user-ann.")]


def state(
    source: Source,
    stream: Stream,
    *,
    app: App = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Print the state of a stream at a moment, folded by the application's own decider.

    As JSON, with revision and position of the last event in it where `--json` is given. Exit code 1
    when the stream had no event yet, 4 when an event cannot be folded.
    """
    from backstory.cli.application import found_application
    from backstory.cli.process import Stop, run
    from backstory.cli.stating import Stating

    stating = Stating(found_application(app), stream, json=json)

    async def work(_: Stop) -> int:
        return await stating.work(source, at)

    raise typer.Exit(run(work))

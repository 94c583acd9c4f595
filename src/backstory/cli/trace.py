"""`backstory trace`: what belongs to one correlation, as a tree of causes."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.parameters import Json, Seconds, Url


def trace(
    url: Url,
    correlation: Annotated[
        str, typer.Argument(metavar="CORRELATION", help="The correlation id, as events carry it.")
    ],
    *,
    seconds: Seconds = 30.0,
    json: Json = False,
) -> None:
    """Show the events of one correlation: what caused what, and how long it took.

    Looks from the newest event back, within the time given. Exit code 1 when nothing carries the
    id.
    """
    from backstory.cli.exits import ExitCode
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run
    from backstory.cli.screen import say
    from backstory.cli.trace_shown import write_trace
    from backstory.explore.budget import Budget
    from backstory.explore.trace import trace as traced

    async def work(_: Stop) -> int:
        async with opened_to_read(url) as store:
            found = await traced(store, correlation, budget=Budget(seconds))
        write_trace(found, json=json)
        if not found.complete:
            say("partial: there may be more of it further back in the log", style="yellow")
        if not found.nodes:
            say(f"no event carries the correlation id {correlation}", style="red")
            return ExitCode.FOUND
        return ExitCode.DONE

    raise typer.Exit(run(work))

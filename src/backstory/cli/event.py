"""`backstory event`: one event, and what is around it."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.parameters import Json, Seconds, Url


def event(
    url: Url,
    named: Annotated[
        str, typer.Argument(metavar="ID|POSITION", help="Its id, or its position in the log.")
    ],
    *,
    seconds: Seconds = 10.0,
    json: Json = False,
) -> None:
    """Show one event: its data and metadata, its neighbours, its cause and what it caused.

    Exit code 1 when there is no such event.
    """
    from backstory.cli.event_shown import as_json, as_rows, print_event
    from backstory.cli.exits import ExitCode
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run
    from backstory.cli.screen import is_terminal, say, write_bytes, write_row
    from backstory.explore.budget import Budget
    from backstory.explore.event import event_detail, find_event

    name: str | int = int(named) if named.isdecimal() else named

    async def work(_: Stop) -> int:
        budget = Budget(seconds)
        async with opened_to_read(url) as store:
            found = await find_event(store, name, budget)
            if found.event is None:
                looked = "" if found.complete else " among the newest; --seconds gives more time"
                say(f"there is no event {named}{looked}", style="red")
                return ExitCode.FOUND
            detail = await event_detail(store, found.event, budget)
        if json:
            write_bytes([as_json(detail)])
        elif is_terminal():
            print_event(detail)
        else:
            for row in as_rows(detail):
                write_row(*row)
        if not detail.caused_complete:
            say("partial: there may be more events that it caused", style="yellow")
        return ExitCode.DONE

    raise typer.Exit(run(work))

"""`backstory types`: the event types of a store."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from backstory.cli.parameters import Json, Limit, Prefix, Seconds, Url


def types(
    url: Url,
    *,
    prefix: Prefix = "",
    after: Annotated[
        str | None, typer.Option("--after", metavar="NAME", help="Behind this name.")
    ] = None,
    limit: Limit = 100,
    seconds: Seconds = 10.0,
    json: Json = False,
) -> None:
    """List event types in the order of their names, with their first and their newest event."""
    from backstory.cli.names_shown import type_lines
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run
    from backstory.cli.screen import say
    from backstory.explore.budget import Budget
    from backstory.explore.types import types_page

    async def work(_: Stop) -> int:
        async with opened_to_read(url) as store:
            page = await types_page(
                store, prefix=prefix, after=after, limit=limit, budget=Budget(seconds)
            )
        type_lines(page.types, json=json)
        if not page.complete:
            say("partial: this store cannot list its types; these have the newest events")
        if page.next is not None:
            say(f"there is more; --after={shlex.quote(page.next)} goes on")
        elif not page.types:
            say("there is no such type")
        return 0

    raise typer.Exit(run(work))

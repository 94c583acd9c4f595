"""`backstory streams`: the streams of a store by name."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from backstory.cli.parameters import Json, Limit, Prefix, Seconds, Url


def streams(
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
    """List streams in the order of their names, each with its last revision and when that was.

    System streams, which begin with `$`, are listed when the prefix begins so. A store that cannot
    list its streams names those of its newest events, and that is told.
    """
    from backstory.cli.names_shown import stream_lines
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run
    from backstory.cli.screen import say
    from backstory.explore.budget import Budget
    from backstory.explore.streams import streams_page

    async def work(_: Stop) -> int:
        async with opened_to_read(url) as store:
            page = await streams_page(
                store, prefix=prefix, after=after, limit=limit, budget=Budget(seconds)
            )
        stream_lines(page.streams, json=json)
        if not page.complete:
            say("partial: this store cannot list its streams; these have the newest events")
        if page.next is not None:
            say(f"there is more; --after={shlex.quote(page.next)} goes on")
        elif not page.streams:
            say("there is no such stream")
        return 0

    raise typer.Exit(run(work))

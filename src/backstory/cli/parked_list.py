"""`backstory parked list`: which events were set aside, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backstory.cli.application import SCHEMA, ReadModelUrl, SchemaName
from backstory.cli.parameters import Json, Stream

if TYPE_CHECKING:
    from backstory.cli.process import Stop

One = Annotated[
    str | None,
    typer.Option("--projection", metavar="NAME", help="Of this projection or reactor alone."),
]


def parked_list(
    *,
    read_model: ReadModelUrl,
    schema: SchemaName = SCHEMA,
    projection: One = None,
    stream: Stream = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="So many events at most.")
    ] = 1_000,
    json: Json = False,
) -> None:
    """List parked events with their errors, each projection's in the order of the log.

    Those that wait behind an earlier one of their stream have been tried 0 times.
    """
    from backstory.cli.application import opened_read_model
    from backstory.cli.parked_shown import print_table, write_lines
    from backstory.cli.process import run
    from backstory.cli.screen import is_terminal, say
    from backstory.projections.parked_table import Which, find_parked

    async def work(_: Stop) -> int:
        async with opened_read_model(read_model, schema, must_exist=True) as model:
            found = await find_parked(model, Which(projection, stream), limit=limit)
        if json or not is_terminal():
            write_lines(found, json=json)
        elif found:
            print_table(found)
        if len(found) == limit:
            say(f"shown: the first {limit:,}; --limit shows more", style="yellow")
        elif not found:
            say("nothing is parked")
        return 0

    raise typer.Exit(run(work))

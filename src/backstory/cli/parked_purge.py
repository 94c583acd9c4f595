"""`backstory parked purge`: let parked events go."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from backstory.cli.application import SCHEMA, ReadModelUrl, SchemaName
from backstory.cli.parameters import Json, Stream

if TYPE_CHECKING:
    from backstory.cli.process import Stop


def parked_purge(
    *,
    read_model: ReadModelUrl,
    schema: SchemaName = SCHEMA,
    projection: Annotated[
        str,
        typer.Option("--projection", metavar="NAME", help="Whose parked events are let go."),
    ],
    stream: Stream = None,
    position: Annotated[
        int | None, typer.Option("--position", metavar="N", help="The event at N alone.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Let parked events go for good, unapplied. The events themselves stay in the store.

    Asks before it does; where nobody can answer, --yes is needed.
    """
    from backstory.cli.application import opened_read_model
    from backstory.cli.exits import ExitCode
    from backstory.cli.parked_shown import write_purged
    from backstory.cli.process import run
    from backstory.cli.screen import say
    from backstory.projections.parked_table import Which, count_parked_events, purge_parked

    if stream is not None and position is not None:
        message = "give --stream or --position, not both"
        raise typer.BadParameter(message)
    if not yes and not sys.stdin.isatty():
        message = "nobody can be asked here: give --yes"
        raise typer.BadParameter(message)
    which = Which(projection, stream, position)

    async def work(stop: Stop) -> int:
        async with opened_read_model(read_model, schema, must_exist=True) as model:
            if not yes and not _agreed(stop, await count_parked_events(model, which)):
                say("nothing was purged")
                return ExitCode.FOUND
            purged = await purge_parked(model, which)
        write_purged(projection, purged, json=json)
        return ExitCode.DONE

    raise typer.Exit(run(work))


def _agreed(stop: Stop, number: int) -> bool:
    from backstory.cli.screen import counted

    with stop.breaks_off_input():
        return typer.confirm(f"purge {counted(number, 'parked event')} for good?", err=True)

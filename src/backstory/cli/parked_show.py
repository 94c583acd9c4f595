"""`backstory parked show`: everything about one parked event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backstory.cli.application import SCHEMA, ReadModelUrl, SchemaName
from backstory.cli.parameters import Json
from backstory.cli.parked_list import One

if TYPE_CHECKING:
    from backstory.cli.process import Stop
    from backstory.core.events import RecordedEvent
    from backstory.projections.parked_table import ParkedEvent


def parked_show(
    position: Annotated[
        int, typer.Argument(metavar="POSITION", help="Where the event stands in the log.")
    ],
    *,
    read_model: ReadModelUrl,
    schema: SchemaName = SCHEMA,
    projection: One = None,
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="URL", help="The event store, to show the event itself."),
    ] = None,
    json: Json = False,
) -> None:
    """Show where the handler failed on a parked event, and with --store what the event holds.

    Exit code 1 when no event is parked there.
    """
    from backstory.cli.application import opened_read_model
    from backstory.cli.exits import ExitCode
    from backstory.cli.parked_shown import print_event, write_lines
    from backstory.cli.process import run
    from backstory.cli.screen import say
    from backstory.projections.parked_table import Which, find_parked

    async def work(_: Stop) -> int:
        async with opened_read_model(read_model, schema, must_exist=True) as model:
            which = Which(projection, position=position)
            found = await find_parked(model, which, limit=1_000)
        if not found:
            say(f"no event is parked at position {position}", style="bold red")
            return ExitCode.FOUND
        event = None if store is None else await _event(store, found[0])
        if json:
            write_lines(found, json=True, event=event)
        else:
            for parked in found:
                print_event(parked, event)
        return ExitCode.DONE

    raise typer.Exit(run(work))


async def _event(store: str, parked: ParkedEvent) -> RecordedEvent | None:
    from backstory.cli.opening import opened_to_read
    from backstory.core.read import Read

    async with opened_to_read(store) as events:
        page = await events.read(Read(after=parked.position - 1, until=parked.position, limit=1))
    return next((event for event in page if str(event.id) == parked.event_id), None)

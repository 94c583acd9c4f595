"""`backstory parked retry`: apply parked events once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from backstory.cli.application import (
    SCHEMA,
    App,
    Projections,
    ReadModelUrl,
    SchemaName,
    Store,
)
from backstory.cli.parameters import Json, Stream

if TYPE_CHECKING:
    from backstory.cli.process import Stop


def parked_retry(
    *,
    app: App = None,
    store: Store,
    read_model: ReadModelUrl,
    schema: SchemaName = SCHEMA,
    projections: Projections = None,
    stream: Stream = None,
    json: Json = False,
) -> None:
    """Apply parked events once more, each stream in order, until one of it fails again.

    May run beside workers. One line for each projection: how many events were applied and how many
    stay parked. Exit code 1 when some do.
    """
    from backstory.cli.application import chosen, found_application, opened_read_model
    from backstory.cli.exits import ExitCode
    from backstory.cli.opening import opened_to_read
    from backstory.cli.parked_shown import write_retried
    from backstory.cli.process import run
    from backstory.projections.parked import ParkedEvents

    application = found_application(app)
    followers = chosen(application, projections)

    async def work(_: Stop) -> int:
        left = 0
        async with (
            opened_to_read(store) as events,
            opened_read_model(read_model, schema, must_exist=True) as model,
        ):
            for follower in followers:
                parked = ParkedEvents(
                    follower, schema=application.schema, store=events, read_model=model
                )
                retried = await parked.retry(stream=stream)
                write_retried(follower.name, retried, json=json)
                left += retried.left
        return ExitCode.FOUND if left else ExitCode.DONE

    raise typer.Exit(run(work))

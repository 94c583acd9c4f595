"""`backstory demo`: the user service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from backstory.cli.parameters import LogLines
from backstory.telemetry.log_format import LogFormat

Data = Annotated[
    Path,
    typer.Option(
        "--data", metavar="DIR", help="Directory of the events and the read model; made if missing."
    ),
]
Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")]
Port = Annotated[
    int,
    typer.Option(
        "--port", metavar="N", min=0, max=65_535, help="The port to listen on; 0 takes a free one."
    ),
]
Store = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The event store, in place of DIR/events.db."),
]
ReadModel = Annotated[
    str | None,
    typer.Option(
        "--read-model", metavar="URL", help="The read model, in place of DIR/read-model.db."
    ),
]
SCHEMA: Final = "eventsourcing"
SchemaName = Annotated[
    str,
    typer.Option(
        "--schema",
        metavar="NAME",
        help="Schema of the read model's tables, in databases that have schemas.",
    ),
]

AsInTheTutorial = Annotated[
    bool,
    typer.Option(
        "--as-in-the-tutorial",
        help="Run the variant with the tutorial's two bugs: a restart doubles rows, and 201 is "
        "answered before the event is stored. To practise on.",
    ),
]


def demo(  # noqa: PLR0913 - one parameter for each option
    *,
    data: Data = Path("backstory-demo"),
    host: Host = "127.0.0.1",
    port: Port = 5000,
    store: Store = None,
    read_model: ReadModel = None,
    schema: SchemaName = SCHEMA,
    log_format: LogLines = LogFormat.TEXT,
    as_in_the_tutorial: AsInTheTutorial = False,
) -> None:
    """Run the user service: POST /users, GET /users/NAME, and what happened to each.

    Ends in order on Ctrl-C or SIGTERM, with exit code 0; everything is still there the next time.
    The variables of the tutorial are understood, too: ESDB_CONNECTION_STRING, DATABASE_URL and
    DATABASE_SCHEMA.
    """
    from backstory.demo.as_in_the_tutorial.users import open_as_in_the_tutorial
    from backstory.demo.run import open_event_sourced, run
    from backstory.demo.settings import DemoSettings, tutorial_settings

    said = tutorial_settings(os.environ)
    settings = DemoSettings(
        data=data,
        host=host,
        port=port,
        store=store or said.get("store"),
        read_model=read_model or said.get("read_model"),
        schema=said.get("schema", schema) if schema == SCHEMA else schema,
        log_format=log_format,
        as_in_the_tutorial=as_in_the_tutorial,
    )
    opening = open_as_in_the_tutorial if as_in_the_tutorial else open_event_sourced
    raise typer.Exit(run(settings, opening=opening))

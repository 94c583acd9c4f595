"""`backstory work`: projections and reactors, kept in step with the store."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.application import (
    SCHEMA,
    App,
    Projections,
    ReadModelUrl,
    SchemaName,
    Store,
)
from backstory.cli.parameters import Json, LogLines
from backstory.telemetry.log_format import LogFormat

Lease = Annotated[
    float,
    typer.Option(
        "--lease",
        metavar="SECONDS",
        min=0.2,
        help="After this time others take over the partitions of a process that died.",
    ),
]
Every = Annotated[
    float,
    typer.Option(
        "--every",
        metavar="SECONDS",
        min=0.1,
        help="How often lines tell how things stand; what changes is told at once.",
    ),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        metavar="N",
        min=0,
        max=65_535,
        help="Show metrics at http://127.0.0.1:N/metrics; 0 takes a free port.",
    ),
]


def work(  # noqa: PLR0913 - one parameter for each option
    *,
    app: App = None,
    store: Store,
    read_model: ReadModelUrl,
    schema: SchemaName = SCHEMA,
    projections: Projections = None,
    lease: Lease = 10.0,
    every: Every = 10.0,
    metrics_port: MetricsPort = None,
    log_format: LogLines = LogFormat.TEXT,
    json: Json = False,
) -> None:
    """Keep the read model in step with the store and run the reactors, until Ctrl-C or SIGTERM.

    Start it as often as you like, anywhere: the processes share the partitions, and take over from
    those that die. A projection that fails stands still and is shown; the others go on. On a
    terminal a table shows how each partition stands, elsewhere lines do.

    When told to end it finishes the batches under way and hands its partitions over at once. Exit
    code 0, or 1 when a projection had failed.
    """
    from backstory.cli.application import chosen, found_application
    from backstory.cli.process import run
    from backstory.cli.working import Places, Working
    from backstory.telemetry.logs import start_logging

    start_logging(log_format)
    application = found_application(app)
    working = Working(
        schema=application.schema,
        followers=chosen(application, projections),
        places=Places(store, read_model, schema),
        lease=lease,
        metrics_port=metrics_port,
        log_format=log_format,
        json=json,
        every=every,
    )
    raise typer.Exit(run(working.until_stopped))

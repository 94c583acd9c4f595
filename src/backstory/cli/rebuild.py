"""`backstory rebuild`: the rows of projections built anew, compared, and put in place."""

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
from backstory.cli.parameters import Json

CompareOnly = Annotated[
    bool,
    typer.Option("--compare-only", help="Build and compare, and leave the live tables alone."),
]
KeepOld = Annotated[
    bool, typer.Option("--keep-old", help="Keep the old tables, in PostgreSQL, in a schema.")
]
Discard = Annotated[
    bool,
    typer.Option(
        "--discard",
        help="Let go of indexes, triggers and policies of the old tables that no Table declares.",
    ),
]
Renumber = Annotated[
    bool,
    typer.Option(
        "--renumber", help="Let rows get other generated numbers than those that users hold."
    ),
]
Abort = Annotated[
    bool, typer.Option("--abort", help="Remove what an interrupted rebuild has left, and end.")
]
Every = Annotated[
    float,
    typer.Option(
        "--every", metavar="SECONDS", min=0.1, help="How often lines tell how far it has come."
    ),
]


def rebuild(  # noqa: PLR0913 - one parameter for each option
    *,
    app: App = None,
    store: Store,
    read_model: ReadModelUrl,
    schema: SchemaName = SCHEMA,
    projections: Projections = None,
    compare_only: CompareOnly = False,
    keep_old: KeepOld = False,
    discard: Discard = False,
    renumber: Renumber = False,
    abort: Abort = False,
    every: Every = 2.0,
    json: Json = False,
) -> None:
    """Build projections anew beside the live tables, compare, and swap in one transaction.

    Services and workers go on meanwhile: readers see the old rows until they see the new ones.
    Killed, it goes on where it was when it is started again. Reactors are never run. On a terminal
    a bar shows how far it is, elsewhere lines do; then comes how the new rows differ from the old.

    Exit code 0 when everything was swapped, or was found to be the same; 5 when `--compare-only`
    found a difference.
    """
    from backstory.cli.application import found_application
    from backstory.cli.process import run
    from backstory.cli.rebuilding import Rebuilding, projections_of
    from backstory.projections.rebuilding.rebuild import RebuildPolicy

    application = found_application(app)
    rebuilding = Rebuilding(
        schema=application.schema,
        projections=projections_of(application, projections),
        store=store,
        read_model=read_model,
        read_model_schema=schema,
        policy=RebuildPolicy(
            swap=not compare_only, keep=keep_old, discard=discard, renumber=renumber
        ),
        every=every,
        json=json,
    )
    raise typer.Exit(run(rebuilding.abort if abort else rebuilding.work))

"""`backstory reproduce`: a failure of then, run again here."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.application import SCHEMA, App, SchemaName
from backstory.cli.parameters import Json
from backstory.cli.past import At, Behind, Redeliver, Snapshots, Source, Unfenced

Fails = Annotated[
    str | None,
    typer.Option(
        "--fails", metavar="CHECK", help="The check that fails; whatever fails there unless given."
    ),
]
Db = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="Leave all read models as of the moment in this database (sqlite:///past.db or "
        "postgresql://host/database), in which no read model may be yet.",
    ),
]
Serve = Annotated[
    str | None,
    typer.Option(
        "--serve",
        metavar="MODULE:FUNCTION",
        help="Then start this application on the frozen moment: a function of the store and the "
        "read model's URL that returns an ASGI application. 'demo' stands for the user service.",
    ),
]
Port = Annotated[
    int,
    typer.Option(
        "--port",
        metavar="PORT",
        min=0,
        max=65_535,
        help="Where the application of --serve listens; 0 takes a free port.",
    ),
]
Pdb = Annotated[
    bool,
    typer.Option(
        "--pdb", help="Stop in your own handler (or decider), before the guilty event is handled."
    ),
]


def reproduce(  # noqa: PLR0913 - one parameter for each option
    source: Source,
    *,
    app: App = None,
    at: At = None,
    fails: Fails = None,
    db: Db = None,
    schema: SchemaName = SCHEMA,
    serve: Serve = None,
    port: Port = 5000,
    pdb: Pdb = False,
    snapshots: Snapshots = None,
    behind: Behind = None,
    redeliver: Redeliver = False,
    no_fences: Unfenced = False,
    json: Json = False,
) -> None:
    """Rebuild everything as of a moment and run again what failed then.

    That is the check of `--fails`; for `--at incident:ID`, the command of the incident against the
    state that it saw; else whatever fails there: a handler, a fold, any check of the application.
    The source is a live store, which is only read, or the file of a capture.

    Exit code 0: REPRODUCED. 6: NOT REPRODUCED. 7: it cannot be told, because the check itself
    failed, or the command failed in another way.
    """
    from backstory.cli.process import Stop, run
    from backstory.cli.reproducing import Reproducing

    reproducing = Reproducing(
        app=app,
        fails=fails,
        db=db,
        schema=schema,
        serve=serve,
        port=port,
        pdb=pdb,
        redeliver=redeliver,
        unfenced=no_fences,
        json=json,
    )

    async def work(stop: Stop) -> int:
        return await reproducing.work(stop, source, at, snapshots=snapshots, behind=behind)

    raise typer.Exit(run(work))

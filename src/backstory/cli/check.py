"""`backstory check`: whether the application's conditions hold, live or at any moment."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.application import SCHEMA, App, SchemaName
from backstory.cli.parameters import Json
from backstory.cli.past import At, Behind, Redeliver, Snapshots, Source, Unfenced

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Checks by name; all of the application unless given."),
]
LiveReadModel = Annotated[
    str | None,
    typer.Option(
        "--read-model",
        metavar="URL",
        help="Ask checks on read models of this live one, in place of replaying.",
    ),
]


def check(  # noqa: PLR0913 - one parameter for each option
    source: Source,
    names: Names = None,
    *,
    app: App = None,
    at: At = None,
    read_model: LiveReadModel = None,
    schema: SchemaName = SCHEMA,
    snapshots: Snapshots = None,
    behind: Behind = None,
    redeliver: Redeliver = False,
    no_fences: Unfenced = False,
    json: Json = False,
) -> None:
    """Ask the checks of the application: of everything as of a moment, or of the live read model.

    A replay is asked unless `--read-model` names the live rows, which are only read. Checks about a
    category fold the streams of the source, in either case.

    Exit code 0 when all hold, 1 when one fails, 7 when none fails but one cannot be told.
    """
    from backstory.cli.application import found_application
    from backstory.cli.checking import Checking
    from backstory.cli.process import Stop, run

    checking = Checking(
        found_application(app),
        tuple(names or ()),
        read_model,
        schema,
        redeliver=redeliver,
        unfenced=no_fences,
        json=json,
    )

    async def work(_: Stop) -> int:
        return await checking.work(source, at, snapshots=snapshots, behind=behind)

    raise typer.Exit(run(work))

"""`backstory snapshot`: all read models at a position, kept where no database owns them."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.application import SCHEMA, App, SchemaName
from backstory.cli.parameters import Json
from backstory.cli.past import At, Source

FolderOption = Annotated[
    str,
    typer.Argument(
        metavar="FOLDER", help="Where snapshots are kept: a directory or an fsspec URL, as s3://…."
    ),
]
Every = Annotated[
    int | None,
    typer.Option("--every", min=1, metavar="N", help="One after every N events, up to the moment."),
]
LiveReadModel = Annotated[
    str | None,
    typer.Option(
        "--read-model",
        metavar="URL",
        help="Take it of this live read model as it stands, in place of replaying.",
    ),
]


def snapshot(  # noqa: PLR0913 - one parameter for each option
    source: Source,
    folder: FolderOption,
    *,
    app: App = None,
    at: At = None,
    every: Every = None,
    read_model: LiveReadModel = None,
    schema: SchemaName = SCHEMA,
    json: Json = False,
) -> None:
    """Take snapshots of all read models, so that going back need not begin with the first event.

    Replays up to the moment, from the nearest snapshot that is there already, or copies a live read
    model in one transaction. A snapshot is of no database engine: taken of PostgreSQL it is read
    into SQLite. It is trusted as long as projections, tables, event types and upcasters mean the
    same; afterwards those that changed begin with the first event again, and the reason is said.
    """
    from backstory.cli.application import found_application
    from backstory.cli.process import Stop, run
    from backstory.cli.snapshotting import Snapshotting

    work = Snapshotting(
        application=found_application(app),
        folder=folder,
        every=every,
        read_model=read_model,
        schema=schema,
        json=json,
    )

    async def main(_: Stop) -> int:
        return await work.work(source, at)

    raise typer.Exit(run(main))

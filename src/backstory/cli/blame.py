"""`backstory blame`: the event, and the line of a handler, that made a value what it is."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.application import App
from backstory.cli.parameters import Json
from backstory.cli.past import At, Behind, Redeliver, Snapshots, Source, Unfenced

What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TABLE [COLUMN] | PATH",
        help="A table and one of its columns (all unless named); with --stream, a path into the "
        "state, such as items[2].price.",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="COLUMN=VALUE",
        help="Which row; may be repeated. A value may be null, and rows without a primary key can "
        "be told apart by _rowid_.",
    ),
]
Stream = Annotated[
    str | None,
    typer.Option("--stream", metavar="NAME", help="Blame the state of this stream, not a row."),
]
All = Annotated[bool, typer.Option("--all", help="Show every change it ever had, newest first.")]


def blame(  # noqa: PLR0913 - one parameter for each option
    source: Source,
    what: What = None,
    *,
    where: Where = None,
    stream: Stream = None,
    every: All = False,
    app: App = None,
    at: At = None,
    snapshots: Snapshots = None,
    behind: Behind = None,
    redeliver: Redeliver = False,
    no_fences: Unfenced = False,
    json: Json = False,
) -> None:
    """Name the event that gave a value what it is at a moment, and the line that wrote it.

    `backstory blame SOURCE TABLE COLUMN --where COLUMN=VALUE` is about a row of a read model, which
    exactly one row must fit. The projection is replayed once, and the guilty event write by write.
    A row that is gone is blamed on what removed it.

    `backstory blame SOURCE --stream NAME PATH` is about the state that a stream comes to; without a
    path, the whole state.

    Exit code 1 when there is nothing to blame.
    """
    from backstory.cli.application import found_application
    from backstory.cli.blaming import Blaming
    from backstory.cli.process import Stop, run

    blaming = Blaming(
        application=found_application(app),
        what=tuple(what or ()),
        where=tuple(where or ()),
        stream=stream,
        every=every,
        redeliver=redeliver,
        unfenced=no_fences,
        json=json,
    )

    async def work(_: Stop) -> int:
        return await blaming.work(source, at, snapshots=snapshots, behind=behind)

    raise typer.Exit(run(work))

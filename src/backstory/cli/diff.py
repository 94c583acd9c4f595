"""`backstory diff`: what was another at one moment than at another, by row and by path."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.application import SCHEMA, App, SchemaName
from backstory.cli.parameters import Json
from backstory.cli.past import Behind, Redeliver, Snapshots, Source, Unfenced

From = Annotated[
    str | None,
    typer.Argument(metavar="FROM", help="The one moment; see --at of other commands."),
]
To = Annotated[str | None, typer.Argument(metavar="TO", help="The other moment.")]
Stream = Annotated[
    str | None,
    typer.Option("--stream", metavar="NAME", help="Compare the state of this stream, by path."),
]
Tables = Annotated[
    list[str] | None,
    typer.Option("--table", metavar="NAME", help="Compare this table alone; may be repeated."),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="URL",
        help="Compare with this live read model in place of TO; it is only read. Without FROM, as "
        "of the position that each of its projections has applied.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="COLUMN",
        help="Leave this column out, such as generated numbers; may be repeated.",
    ),
]
Limit = Annotated[
    int,
    typer.Option("--limit", min=1, metavar="N", help="Show at most so many rows of each kind."),
]


def diff(  # noqa: PLR0913 - one parameter for each option
    source: Source,
    before: From = None,
    after: To = None,
    *,
    stream: Stream = None,
    tables: Tables = None,
    against: Against = None,
    schema: SchemaName = SCHEMA,
    ignore: Ignore = None,
    app: App = None,
    snapshots: Snapshots = None,
    behind: Behind = None,
    redeliver: Redeliver = False,
    no_fences: Unfenced = False,
    limit: Limit = 1_000,
    json: Json = False,
) -> None:
    """Show what differs between two moments: rows of the read models, or the state of a stream.

    Rows are matched by the primary key. Those of a table without one, or whose key is ignored, are
    compared as a whole, and how often each is there counts. With `--against` the rows of a live
    read model are compared with what the events say: a lost or doubled row is seen.

    Exit code 0 when everything is the same, 5 when something differs.
    """
    from backstory.cli.application import found_application
    from backstory.cli.diffing import Diffing
    from backstory.cli.process import run

    diffing = Diffing(
        application=found_application(app),
        before=before,
        after=after,
        stream=stream,
        tables=tuple(tables or ()),
        against=against,
        schema=schema,
        ignore=tuple(ignore or ()),
        redeliver=redeliver,
        unfenced=no_fences,
        limit=limit,
        json=json,
    )
    raise typer.Exit(run(lambda _: diffing.work(source, snapshots=snapshots, behind=behind)))

"""`backstory as-of`: all read models of an application, as they were at a moment."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.application import SCHEMA, App, SchemaName
from backstory.cli.parameters import Json
from backstory.cli.past import At, Behind, Redeliver, Snapshots, Source, Unfenced

Into = Annotated[
    str | None,
    typer.Option(
        "--into",
        metavar="URL",
        help="Keep them in this database (sqlite:///past.db or postgresql://host/database), in "
        "which no read model may be yet.",
    ),
]
Tables = Annotated[
    list[str] | None,
    typer.Option("--table", metavar="NAME", help="Print the rows of this table; may be repeated."),
]
Sql = Annotated[
    str | None, typer.Option("--sql", metavar="QUERY", help="Print what this query answers.")
]
Limit = Annotated[
    int, typer.Option("--limit", min=1, metavar="N", help="Print at most so many rows of each.")
]


def as_of(  # noqa: PLR0913 - one parameter for each option
    source: Source,
    *,
    app: App = None,
    at: At = None,
    into: Into = None,
    schema: SchemaName = SCHEMA,
    tables: Tables = None,
    sql: Sql = None,
    limit: Limit = 1_000,
    snapshots: Snapshots = None,
    behind: Behind = None,
    redeliver: Redeliver = False,
    no_fences: Unfenced = False,
    json: Json = False,
) -> None:
    """Rebuild every read model as of a moment, from the nearest trusted snapshot and the events.

    Without `--into` they stand in a local file that is gone at the end. Prints how each projection
    stands and how many rows each table has, or the rows that `--table` and `--sql` ask for. The
    source is only read, and reactors do not run. Handlers see the time of the event; whatever asks
    for another time, a random number or the network is named.

    Exit code 1 when a projection stopped at an event that it could not apply.
    """
    from backstory.cli.application import found_application
    from backstory.cli.going_back import GoingBack
    from backstory.cli.process import Stop, run

    going = GoingBack(
        application=found_application(app),
        into=into,
        schema=schema,
        tables=tuple(tables or ()),
        sql=sql,
        limit=limit,
        redeliver=redeliver,
        unfenced=no_fences,
        json=json,
    )

    async def work(_: Stop) -> int:
        return await going.work(source, at, snapshots=snapshots, behind=behind)

    raise typer.Exit(run(work))

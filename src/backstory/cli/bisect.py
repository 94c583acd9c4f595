"""`backstory bisect`: the first event after which a condition does not hold any more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backstory.cli.application import App
from backstory.cli.parameters import Json
from backstory.cli.past import Behind, Redeliver, Snapshots, Source, Unfenced

Fails = Annotated[
    str | None,
    typer.Option(
        "--fails",
        metavar="CHECK",
        help="A check of the application, or a function as module:name.",
    ),
]
Sql = Annotated[
    str | None,
    typer.Option(
        "--sql", metavar="QUERY", help="A query for rows that must not be; any row is a failure."
    ),
]
Run = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="COMMAND",
        help="A command: exit code 0 is good, 125 cannot tell, any other up to 127 is bad. {db} "
        "stands for a SQLite file with all read models, {position} for the position.",
    ),
]
Good = Annotated[
    str,
    typer.Option("--good", metavar="MOMENT", help="Where it held; before the first event."),
]
Bad = Annotated[
    str | None,
    typer.Option("--bad", metavar="MOMENT", help="Where it fails; the end of the source."),
]
Stream = Annotated[
    str | None,
    typer.Option("--stream", metavar="NAME", help="Ask --fails about the state of this stream."),
]
Samples = Annotated[
    int,
    typer.Option(
        "--samples",
        metavar="N",
        min=1,
        max=10_000,
        help="How many places are asked first, to see changes back and forth.",
    ),
]
Log = Annotated[
    Path | None,
    typer.Option("--log", metavar="FILE", help="Write every answer to this new file."),
]
Again = Annotated[
    Path | None,
    typer.Option(
        "--again", metavar="FILE", help="Take the answers of this log, and go on where it ends."
    ),
]


def bisect(  # noqa: PLR0913 - one parameter for each option
    source: Source,
    *,
    app: App = None,
    fails: Fails = None,
    sql: Sql = None,
    run_: Run = None,
    good: Good = "0",
    bad: Bad = None,
    stream: Stream = None,
    samples: Samples = 32,
    snapshots: Snapshots = None,
    behind: Behind = None,
    redeliver: Redeliver = False,
    no_fences: Unfenced = False,
    log: Log = None,
    again: Again = None,
    json: Json = False,
) -> None:
    """Find the event after which a condition fails first, and every other event that changes it.

    Read models are asked at places spread over the log, then each change is searched for by halves.
    A check on states (of its category, or of `--stream`) is asked after every single event.

    Exit code 1 when it never goes from holding to failing; 7 when it can be told nowhere.
    """
    from backstory.cli.bisecting import Bisecting, Where
    from backstory.cli.process import run

    bisecting = Bisecting(
        app,
        (fails, sql, run_),
        Where(source, good, bad, stream, snapshots, tuple(behind or ())),
        samples,
        (log, again),
        redeliver=redeliver,
        unfenced=no_fences,
        json=json,
    )
    raise typer.Exit(run(bisecting.work))

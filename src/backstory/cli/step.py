"""`backstory step`: one event after the other, forwards and back, with all that each one did."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.application import App
from backstory.cli.parameters import Json
from backstory.cli.past import At, Behind, Redeliver, Snapshots, Source, Unfenced

From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="MOMENT", help="Begin before the event of this moment; end with --at."
    ),
]
UntilType = Annotated[
    list[str] | None,
    typer.Option(
        "--until-type", metavar="NAME", help="Run to an event of this type; may be repeated."
    ),
]
UntilStream = Annotated[
    list[str] | None,
    typer.Option(
        "--until-stream", metavar="NAME", help="Run to an event of this stream, such as 'user-d*'."
    ),
]
Until = Annotated[
    list[str] | None,
    typer.Option(
        "--until",
        metavar="BREAKPOINT",
        help="Run to 'failure', 'category NAME', 'path TABLE.COLUMN where COLUMN=VALUE' or 'path "
        "STREAM:PATH', a part of its state; may be repeated.",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="EXPRESSION",
        help="Run to a step of which this Python expression holds; it knows event, recorded, "
        "before, after, changes, failures and step, and may do all that Python can.",
    ),
]
Count = Annotated[
    int | None,
    typer.Option(
        "--count", min=1, metavar="N", help="Print so many steps: of those run to, or in a row."
    ),
]
Backwards = Annotated[
    bool, typer.Option("--backwards", help="Run back: from --at, which is undone first, to --from.")
]
Limit = Annotated[
    int, typer.Option("--limit", min=1, metavar="N", help="Print at most so many rows of a table.")
]


def step(  # noqa: PLR0913 - one parameter for each option
    source: Source,
    *,
    app: App = None,
    at: At = None,
    from_: From = None,
    until_type: UntilType = None,
    until_stream: UntilStream = None,
    until: Until = None,
    where: Where = None,
    count: Count = None,
    backwards: Backwards = False,
    limit: Limit = 100,
    snapshots: Snapshots = None,
    behind: Behind = None,
    redeliver: Redeliver = False,
    no_fences: Unfenced = False,
    json: Json = False,
) -> None:
    """Step through events: the event, its stream's state before and after, the rows it changed.

    Reads commands, one on a line, from the terminal or a pipe; `help` lists them. It begins before
    the event of `--at`, so that `next` lets it happen; unless given, before the newest event, or
    where a capture was taken. A pipe of commands ends at the first that is wrong, with exit code 2.

    With `--count`, or anything to run to, it reads no commands: it prints the first step, or so
    many, that are met, from `--from` or `--at` (unless given, the first event) on. Exit code 1 when
    there is none. `--json` writes each step as one line. The source is only read.
    """
    from backstory.cli.application import found_application
    from backstory.cli.process import run
    from backstory.cli.step_running import Running
    from backstory.cli.stepping import Stepping

    stepping = Stepping(
        application=found_application(app),
        running=Running(until_type, until_stream, until, where, count, backwards),
        source=source,
        at=at,
        begin=from_,
        limit=limit,
        snapshots=snapshots,
        behind=behind,
        redeliver=redeliver,
        unfenced=no_fences,
        json=json,
    )
    raise typer.Exit(run(stepping.work))

"""`backstory read`: events, once."""

from __future__ import annotations

from typing import Annotated

import typer

from backstory.cli.parameters import Category, Json, Stream, Types, Url

After = Annotated[
    int | None,
    typer.Option(
        "--after", metavar="N", help="Behind this position; with --stream, this revision."
    ),
]
Before = Annotated[
    int | None,
    typer.Option(
        "--before", metavar="N", help="Before this position; with --stream, this revision."
    ),
]
Until = Annotated[
    int | None,
    typer.Option("--until", metavar="N", help="Recorded up to and with this position."),
]
Backwards = Annotated[bool, typer.Option("--backwards", help="Newest first.")]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="At most this many events.")
]


def read(  # noqa: PLR0913 - one parameter for each option
    url: Url,
    *,
    stream: Stream = None,
    category: Category = None,
    types: Types = None,
    after: After = None,
    before: Before = None,
    until: Until = None,
    backwards: Backwards = False,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """Print events, oldest first: all of them, or those the options leave.

    Ends with what the store held when the command began. In a terminal in columns; in a pipe one
    line each: position, time, stream, revision, type and data, with tabs between.
    """
    from backstory.cli.event_lines import event_writer
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run
    from backstory.core.read import BACKWARDS, FORWARDS, Read
    from backstory.explore.listing import listing

    query = Read(
        stream=stream,
        category=category,
        types=tuple(types or ()),
        after=after,
        before=before,
        until=until,
        direction=BACKWARDS if backwards else FORWARDS,
    )
    show = event_writer(json=json)

    async def work(_: Stop) -> int:
        async with opened_to_read(url) as store:
            async for page in listing(store, query, most=limit):
                show(page)
        return 0

    raise typer.Exit(run(work))

"""`backstory stats`: a store in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backstory.cli.parameters import Json, Url

if TYPE_CHECKING:
    from backstory.explore.stats import Stats


def stats(
    url: Url,
    *,
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds",
            metavar="SECONDS",
            min=0,
            help="Time for counting; then the answer is partial.",
        ),
    ] = 60.0,
    json: Json = False,
) -> None:
    """Count events, streams, categories and types, and show size and times.

    Reads the whole store, within the time given. A partial answer says so and up to which position
    it counted.
    """
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run
    from backstory.cli.progress import progress
    from backstory.explore.stats import stats as measured

    async def work(_: Stop) -> int:
        async with opened_to_read(url) as store:
            with progress("counting", total=await store.head()) as bar:
                found = await measured(store, seconds=seconds, on_progress=bar.reach)
        _show(found, json=json)
        return 0

    raise typer.Exit(run(work))


def _show(found: Stats, *, json: bool) -> None:
    from backstory.cli.screen import is_terminal, say, write_bytes, write_row
    from backstory.cli.stats_shown import as_json, as_rows, print_tables

    if json:
        write_bytes([as_json(found)])
        return
    if is_terminal():
        print_tables(found)
    else:
        for row in as_rows(found):
            write_row(*row)
    if not found.complete:
        say(
            f"partial: counted up to position {found.counted_to:,} of {found.head:,}; "
            "--seconds gives more time",
            style="yellow",
        )

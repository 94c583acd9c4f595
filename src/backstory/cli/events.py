"""`backstory events`: the newest events that fit a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backstory.cli.parameters import Json, Limit, Seconds, Url

if TYPE_CHECKING:
    from backstory.core.store import EventStore
    from backstory.explore.events import EventsPage
    from backstory.explore.filters import EventFilter

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILTER]...",
        help="What must hold: type:order-paid (several: any of them), category:order, "
        "stream:order-1, prefix:order-, correlation:ID, after:2026-03-01, "
        "before:2026-03-01T14:20:59Z, data.total>100, meta.user=ann, is:system (show system "
        'events, too), or words that stand in data or metadata; "quotes" hold spaces together.',
    ),
]
Before = Annotated[
    int | None,
    typer.Option(
        "--before", metavar="N", help="Older than this position; with stream:, this revision."
    ),
]
After = Annotated[
    int | None,
    typer.Option(
        "--after", metavar="N", help="Newer than this position; with stream:, this revision."
    ),
]


def events(
    url: Url,
    wanted: Words = None,
    *,
    before: Before = None,
    after: After = None,
    limit: Limit = 100,
    seconds: Seconds = 10.0,
    json: Json = False,
) -> None:
    """Print the newest events that fit a filter, newest first.

    The filter is that of the Stream Browser. What a store has no index for is looked at event by
    event, within the time given: an answer that ran out of it says how far it looked, and how to go
    on.
    """
    from backstory.cli.event_lines import event_writer
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run
    from backstory.core.errors import InvalidInput
    from backstory.explore.filters import parse_filter

    if before is not None and after is not None:
        message = "--before and --after page in two directions; give one of them"
        raise InvalidInput(message)
    asked = parse_filter(" ".join(wanted or ()))

    async def work(_: Stop) -> int:
        async with opened_to_read(url) as store:
            page = await _page(store, asked, before, after, limit, seconds)
        event_writer(json=json)(page.events)
        _say_how_to_go_on(page, backwards=after is None)
        return 0

    raise typer.Exit(run(work))


async def _page(
    store: EventStore,
    wanted: EventFilter,
    before: int | None,
    after: int | None,
    limit: int,
    seconds: float,
) -> EventsPage:
    from backstory.explore.budget import Budget
    from backstory.explore.events import events_page

    budget = Budget(seconds)
    return await events_page(store, wanted, before=before, after=after, limit=limit, budget=budget)


def _say_how_to_go_on(page: EventsPage, *, backwards: bool) -> None:
    from backstory.cli.screen import say

    on = page.older if backwards else page.newer
    option = "--before" if backwards else "--after"
    if not page.complete:
        say(f"partial: looked as far as {page.looked_to:,}; {option} {on} goes on", style="yellow")
    elif on is not None and page.events:
        say(f"there is more; {option} {on} goes on")
    elif not page.events:
        say("nothing matches")

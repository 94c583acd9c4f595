"""`backstory search`: events by the words they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from backstory.cli.parameters import Json, Limit, Seconds, Url

if TYPE_CHECKING:
    from backstory.core.store import EventStore
    from backstory.explore.budget import Budget
    from backstory.explore.events import EventsPage
    from backstory.explore.filters import EventFilter

_A_LOOK: Final = 0.2
"""Seconds between two drawings of the bar, and between two looks at the clock."""


def search(
    url: Url,
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS...", help="Each must stand in data or metadata, as it is."),
    ],
    *,
    limit: Limit = 100,
    seconds: Seconds = 60.0,
    json: Json = False,
) -> None:
    """Look through the whole log for words, and print the events that hold all of them.

    Newest first. Unlike for `events`, every word is taken as it is: `type:a` is a word, too. Exit
    code 1 when nothing was found.
    """
    from backstory.cli.event_lines import event_writer
    from backstory.cli.exits import ExitCode
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run
    from backstory.cli.progress import progress
    from backstory.explore.budget import Budget
    from backstory.explore.filters import EventFilter

    wanted = EventFilter(words=tuple(words), system=True)
    show = event_writer(json=json)

    async def work(_: Stop) -> int:
        async with opened_to_read(url) as store:
            head = await store.head()
            with progress("searching", total=head) as bar:

                def show_page(page: EventsPage) -> None:
                    with bar.aside():
                        show(page.events)
                    bar.reach(head - (page.older or 0))

                found, back_to = await _look(store, wanted, limit, Budget(seconds), show_page)
        _say_what_was_looked_at(found, back_to, limit)
        return ExitCode.DONE if found else ExitCode.FOUND

    raise typer.Exit(run(work))


def _say_what_was_looked_at(found: int, back_to: int | None, limit: int) -> None:
    from backstory.cli.screen import say

    if found == limit and back_to is not None:
        say(f"the newest {limit:,}; --limit shows more")
    elif back_to is not None:
        say(f"partial: looked back to position {back_to:,}; --seconds gives more time")
    elif not found:
        say("nothing matches")


async def _look(
    store: EventStore,
    wanted: EventFilter,
    limit: int,
    budget: Budget,
    show: Callable[[EventsPage], None],
) -> tuple[int, int | None]:
    """Show page after page; return how many events there were, and how far back it went."""
    from backstory.explore.budget import Budget
    from backstory.explore.events import events_page

    found, before = 0, None
    while True:
        page = await events_page(
            store, wanted, before=before, limit=limit - found, budget=Budget(_A_LOOK)
        )
        show(page)
        found, before = found + len(page.events), page.older
        if before is None or found == limit or budget.over:
            return found, before

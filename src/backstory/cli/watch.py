"""`backstory watch`: events as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backstory.cli.parameters import Category, Json, Stream, Types, Url

if TYPE_CHECKING:
    from backstory.core.store import EventStore


From = Annotated[
    int | None,
    typer.Option(
        "--from",
        metavar="N",
        min=1,
        help="Begin with this position, not with what comes next.",
    ),
]
FromStart = Annotated[bool, typer.Option("--from-start", help="Begin with the first event.")]


def watch(
    url: Url,
    *,
    start: From = None,
    from_start: FromStart = False,
    stream: Stream = None,
    category: Category = None,
    types: Types = None,
    json: Json = False,
) -> None:
    """Print events as they are appended, by any process, until Ctrl-C or SIGTERM.

    Lines look as those of `backstory read`. Ends with exit code 0 when it is told to end.
    """
    import asyncio

    from backstory.cli.event_lines import event_writer
    from backstory.cli.opening import opened_to_read
    from backstory.cli.process import Stop, run
    from backstory.cli.screen import say
    from backstory.core.read import Read
    from backstory.projections.subscription import Subscription

    if from_start and start is not None:
        message = "give --from or --from-start, not both"
        raise typer.BadParameter(message)
    query = Read(stream=stream, category=category, types=tuple(types or ()))
    show = event_writer(json=json)

    async def work(stop: Stop) -> int:
        async with opened_to_read(url) as store:
            after = await _position_before(store, 1 if from_start else start)
            subscription = Subscription(store, query, after=after)
            stop.sets_off(lambda: asyncio.ensure_future(subscription.close()))
            say(f"following {url} behind position {after}; Ctrl-C ends")
            async for batch in subscription:
                if batch.events:
                    show(batch.events)
        return 0

    raise typer.Exit(run(work))


async def _position_before(store: EventStore, start: int | None) -> int:
    from backstory.core.errors import InvalidRead

    head = await store.head()
    if start is None:
        return head
    if start > head + 1:
        message = f"--from {start} lies beyond the end of the store, which is position {head}"
        raise InvalidRead(message)
    return start - 1

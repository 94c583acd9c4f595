"""A process of its own that uses the store under test; run as a script, never imported.

    child.py append FUNCTION URL NAME WRITERS COUNT    each writer appends COUNT batches (0: no end)
    child.py follow FUNCTION URL COUNT                 reads on until COUNT events were seen
    child.py race FUNCTION URL STREAM WINS             appends at the expected revision, WINS times
    child.py move FUNCTION URL SOURCE TARGET COUNT     appends to both, COUNT times (0: no end)

Each line printed is JSON: what was acknowledged or seen, as soon as it was.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pkgutil import resolve_name

from backstory.core.appending import StreamAppend
from backstory.core.events import NewEvent
from backstory.core.expected import NO_STREAM, Expected, WrongExpectedRevision
from backstory.core.ids import uuid7
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore, append_several


def say(*values: object) -> None:
    """Print *values* as one line, at once."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


async def append(store: EventStore, name: str, writers: str, count: str) -> None:
    """Append batches from many tasks; print stream, revision, position and size of each."""

    async def write(writer: int) -> None:
        number = 0
        while number < int(count) or count == "0":
            stream = "shared-1" if number % 3 == 0 else f"{name}-{writer}"
            size = 1 + (number + writer) % 3
            batch = [NewEvent.of("counted", {"number": number}) for _ in range(size)]
            answered = await store.append(stream, batch)
            say(stream, answered.revision, answered.position, [str(event.id) for event in batch])
            number += 1

    await asyncio.gather(*(write(writer) for writer in range(int(writers))))


async def follow(store: EventStore, count: str) -> None:
    """Read on from the last position seen; print each position with its event's id."""
    last = seen = 0
    while seen < int(count):
        page = await store.read(Read(after=last, limit=50))
        for event in page:
            say(event.position, str(event.id))
            last = event.position
        seen += len(page)
        if not page and seen < int(count):
            await store.wait(last, 1)


async def end_of(store: EventStore, stream: str) -> Expected:
    """Return what an append to the end of *stream* expects."""
    newest = await store.read(Read(stream=stream, direction=BACKWARDS, limit=1))
    return newest[0].revision if newest else NO_STREAM


async def race(store: EventStore, stream: str, wins: str) -> None:
    """Append at the stream's end, again after each conflict; print each revision won."""
    won = 0
    while won < int(wins):
        expected = await end_of(store, stream)
        try:
            answered = await store.append(
                stream, [NewEvent.of("counted", {"won": won})], expected=expected
            )
        except WrongExpectedRevision:
            continue
        say(answered.revision)
        won += 1


async def move(store: EventStore, source: str, target: str, count: str) -> None:
    """Take from one stream and give to the other, both at once; print each move's positions."""
    moved = 0
    while moved < int(count) or count == "0":
        name = str(uuid7())
        taken = NewEvent.of("moved", {"amount": -1, "move": name})
        given = NewEvent.of("moved", {"amount": 1, "move": name})
        parts = [
            StreamAppend(source, [taken], await end_of(store, source)),
            StreamAppend(target, [given], await end_of(store, target)),
        ]
        try:
            answers = await append_several(store, parts)
        except WrongExpectedRevision:
            continue
        say(*(answered.position for answered in answers))
        moved += 1


ROLES: dict[str, Callable[..., Awaitable[None]]] = {
    "append": append,
    "follow": follow,
    "move": move,
    "race": race,
}


async def main(role: str, function: str, url: str, *arguments: str) -> None:
    """Open the store, play *role*, close the store."""
    store: EventStore = await resolve_name(function)(url)
    try:
        await ROLES[role](store, *arguments)
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""W9, the time machine: `python -m bench.time_machine [--store URL] [--events N]`.

Nobody else can be measured on it, so each figure stands beside its target. The store is filled when
it is empty: every user is created, then renamed again and again in turn, with a correlation id for
every three events.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from backstory import Application, EventStore, Read, open_store
from backstory.core.history import History
from backstory.demo.app import users as application
from backstory.demo.events import UserCreated, UserRenamed
from backstory.timemachine.bisecting import Verdict, bisect
from backstory.timemachine.captures.slice import Slice
from backstory.timemachine.captures.slices import Choice
from backstory.timemachine.captures.writing import Wanted, streams_of, write_capture
from backstory.timemachine.correlating import correlated
from backstory.timemachine.fences.fences import Fences
from backstory.timemachine.locating import locate
from backstory.timemachine.moment import AtCorrelation, AtTime
from backstory.timemachine.replay import Replay
from backstory.timemachine.session import Session
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.series import take_series

_STREAM_EVENTS: Final = 10
_TOGETHER: Final = 2_000
_EVERY: Final = 50_000
_SEED: Final = 20_261_123
_TARGETS: Final = {
    "time to position": 0.020,
    "as of, snapshots every 50,000": 2.0,
    "as of the head, no snapshot": 12.0,
    "neighbour in a session": 0.050,
    "capture of one correlated failure": 2.0,
    "bisect, SQL over all rows": 20.0,
}
"""Seconds; see the performance targets."""


class Figures:
    """What was measured, by name: seconds each."""

    def __init__(self) -> None:
        """Begin with none."""
        self._seconds: dict[str, list[float]] = {}

    async def take(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Measure *work* once."""
        begun = time.perf_counter()
        await work()
        self._seconds.setdefault(name, []).append(time.perf_counter() - begun)

    def table(self) -> Table:
        """Return median, 95th percentile and target of each."""
        table = Table("what", "times", "median s", "p95 s", "target s", "", box=None)
        for name, seconds in self._seconds.items():
            late = sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * 0.95))]
            target = _TARGETS.get(name)
            verdict = "" if target is None else ("met" if late <= target else "MISSED")
            shown = "" if target is None else f"{target:g}"
            table.add_row(
                name, str(len(seconds)), f"{median(seconds):.4f}", f"{late:.4f}", shown, verdict
            )
        return table


async def fill(store: EventStore, events: int) -> None:
    """Append *events* events to an empty store, spread over their streams."""
    people, schema = events // _STREAM_EVENTS, application.schema
    for turn in range(_STREAM_EVENTS):
        for first in range(0, people, _TOGETHER):
            appends = []
            for number in range(first, min(first + _TOGETHER, people)):
                value = (
                    UserRenamed(f"User {number} v{turn}")
                    if turn
                    else UserCreated(f"u{number}", f"User {number}", "2026-01-01T00:00:00.000Z")
                )
                metadata = {"$correlationId": f"req-{turn}-{number // 3}"}
                event = schema.encode(value, metadata=metadata)
                appends.append(store.append(f"user-u{number}", [event]))
            await asyncio.gather(*appends)


async def measure(store: EventStore, folder: Path, figures: Figures) -> None:
    """Take every figure of W9."""
    head = await store.head()
    chance = random.Random(_SEED)  # noqa: S311 - the same places each time
    history = History(store, head)
    places = sorted(chance.randrange(1, head + 1) for _ in range(50))
    for place in places:
        [event] = await store.read(Read(after=place - 1, limit=1))
        at = AtTime(event.recorded_at)
        await figures.take("time to position", lambda at=at: locate(store, at))  # type: ignore[misc]  # a lambda of its own

    with Fences() as fences:
        replay = Replay(fence=fences)
        async with Session(application, history, replay=replay) as session:
            await figures.take("as of the head, no snapshot", lambda: session.at(head))
        async with Session(application, history) as session:
            await figures.take("the same, unfenced", lambda: session.at(head))
        snapshots = Folder(str(folder / "snapshots"))
        async with Session(application, history, replay=replay) as session:
            await figures.take(f"snapshots every {_EVERY:,}", lambda: _all(session, snapshots))
        await _go_back(history, snapshots, replay, places[::3], figures)
        await _bisect(history, snapshots, replay, figures)
    await _capture(application, history, folder, figures, chance)


async def _all(session: Session, snapshots: Folder) -> None:
    async for _ in take_series(session, snapshots, every=_EVERY):
        pass


async def _go_back(
    history: History, snapshots: Folder, replay: Replay, places: Sequence[int], figures: Figures
) -> None:
    for place in places:
        async with Session(application, history, snapshots=snapshots, replay=replay) as session:
            await figures.take(
                "as of, snapshots every 50,000",
                lambda place=place: session.at(place),  # type: ignore[misc]  # a lambda of its own
            )
    place = places[len(places) // 2]
    async with Session(application, history, snapshots=snapshots, replay=replay) as session:
        await session.at(place)
        for step in (-1, 0, 1, 2, 1, 0, -1, -2, 5, 4, 3, 9, 8, 20, 19, -5, -6, 1, 0, -1):
            await figures.take(
                "neighbour in a session",
                lambda step=step: session.at(place + step),  # type: ignore[misc]  # a lambda of its own
            )


async def _bisect(history: History, snapshots: Folder, replay: Replay, figures: Figures) -> None:
    guilty = text(
        "SELECT count(*) FROM user WHERE \"fullName\" >= 'User 61803 v6' "
        "AND \"fullName\" LIKE 'User 61803 v_'"
    )
    async with Session(application, history, snapshots=snapshots, replay=replay) as session:

        async def ask(position: int) -> Verdict:
            model = await session.at(position)
            count = await model.ask(lambda connection: connection.execute(guilty).scalar_one())
            return Verdict.FAILS if count else Verdict.HOLDS

        await figures.take("bisect, SQL over all rows", lambda: bisect(ask, 0, history.until))


async def _capture(
    application: Application,
    history: History,
    folder: Path,
    figures: Figures,
    chance: random.Random,
) -> None:
    people = history.until // _STREAM_EVENTS
    for number in range(5):
        turn = chance.randrange(_STREAM_EVENTS)
        correlation = f"req-{turn}-{chance.randrange(people // 3)}"

        async def capture(correlation: str = correlation, number: int = number) -> None:
            located = await locate(history, AtCorrelation(correlation), around=2)
            past = history.up_to(located.position)
            related = await correlated(history, correlation, past.until)
            streams = await streams_of(past, related)
            choice = Choice(slice=Slice.RELATED, streams=streams, correlation=correlation)
            path = folder / f"{number}.capture"
            await write_capture(application, past, path, Wanted(choice=choice))

        await figures.take("capture of one correlated failure", capture)


async def run(url: str, events: int) -> None:
    """Fill and measure the store at *url*, and show the figures."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="backstory-bench-") as directory:
        folder = Path(directory)
        place = url or f"sqlite:///{folder}/events.db"
        store = await open_store(place)
        async with aclosing(_Closing(store)):
            if await store.head() == 0:
                console.print(f"filling with {events:,} events")
                await fill(store, events)
            figures = Figures()
            await measure(store, folder, figures)
    Console().print(figures.table())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    Console().print(f"peak memory of the process: {peak} MiB")


class _Closing:
    """Lets `aclosing` close a store."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def aclose(self) -> None:
        """Close it."""
        await self._store.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m bench.time_machine", description=__doc__)
    parser.add_argument(
        "--store", default="", help="URL of the event store; a new file unless given"
    )
    parser.add_argument("--events", type=int, default=1_000_000, help="how many, in an empty store")
    asked = parser.parse_args(arguments)
    asyncio.run(run(asked.store, asked.events))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What commands of the time machine take, and opening the past for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

if TYPE_CHECKING:
    from backstory.application import Application
    from backstory.core.history import History
    from backstory.core.store import EventStore
    from backstory.timemachine.asof import Tell
    from backstory.timemachine.locating import Located
    from backstory.timemachine.moment import Moment
    from backstory.timemachine.replay import Replay
    from backstory.timemachine.session import Session
    from backstory.timemachine.snapshots.folder import Folder
    from backstory.timemachine.sources import Source as OpenSource

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="Where the events are: a store's URL, or the file of a capture."
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="MOMENT",
        help="A position, STREAM@REVISION, event id, time with zone, '10 minutes ago', "
        "correlation:ID, incident:ID or head; where the source ends unless given.",
    ),
]
Snapshots = Annotated[
    str | None,
    typer.Option(
        "--snapshots",
        metavar="FOLDER",
        help="Begin with the nearest snapshot in this folder (a path or an fsspec URL).",
    ),
]
Behind = Annotated[
    list[str] | None,
    typer.Option(
        "--behind",
        metavar="PROJECTION=POSITION",
        help="This projection had come no further at the moment; may be repeated.",
    ),
]
Redeliver = Annotated[
    bool,
    typer.Option("--redeliver", help="Deliver every event twice: is each handler idempotent?"),
]
Unfenced = Annotated[
    bool,
    typer.Option("--no-fences", help="Let handlers see today's clock, random numbers and network."),
]
HEAD: Final = "head"


class Past(msgspec.Struct, frozen=True):
    """A source that is open, the place it was named by, and the moment that was asked for.

    `history` ends at the moment, `whole` where the source does.
    """

    place: str
    moment: Moment
    source: OpenSource
    whole: History
    located: Located
    snapshots: Folder | None
    behind: dict[str, int]

    @property
    def position(self) -> int:
        """Return the position of the moment."""
        return self.located.position

    @property
    def history(self) -> History:
        """Return what had happened at the moment."""
        return self.whole.up_to(self.located.position)

    def session(
        self,
        application: Application,
        *,
        replay: Replay | None = None,
        tell: Tell | None = None,
        whole: bool = False,
    ) -> Session:
        """Return a session over the past of the moment, or over the *whole* history."""
        from backstory.timemachine.replay import PLAIN
        from backstory.timemachine.session import Session

        return Session(
            application,
            self.whole if whole else self.history,
            snapshots=self.snapshots,
            behind=self.behind,
            replay=replay or PLAIN,
            tell=tell,
        )

    async def position_of(self, text: str) -> int:
        """Return the position that the moment *text* names; raises as `opened_past` does."""
        from backstory.timemachine.locating import locate

        return (await locate(self.source.store, _moment(text))).position


@asynccontextmanager
async def opened_past(
    source: str,
    at: str | None = None,
    *,
    snapshots: str | None = None,
    behind: Sequence[str] | None = None,
    around: int = 0,
) -> AsyncIterator[Past]:
    """Give the past of *source* at the moment *at*, which is where it ends unless given.

    Raises `InvalidMoment`, `MomentNotFound`, `InvalidSetting`, and what opening a source raises.
    """
    from backstory.core.history import History
    from backstory.timemachine.locating import locate
    from backstory.timemachine.snapshots.folder import Folder
    from backstory.timemachine.sources import open_source

    async with open_source(source) as opened:
        if at is None:
            at = HEAD if opened.at is None else str(opened.at)
        moment = _moment(at)
        located = await locate(opened.store, moment, around=around)
        whole = History(opened.store, await opened.store.head(), origin=opened.origin)
        folder = opened.snapshots if snapshots is None else Folder(snapshots)
        lagged = {**opened.behind, **await _behind(opened.store, moment)}
        yield Past(
            source,
            moment,
            opened,
            whole,
            located,
            folder,
            {**lagged, **_positions(behind or ())},
        )


def _moment(text: str) -> Moment:
    from backstory.core.clock import system_clock
    from backstory.timemachine.moment import parse_moment

    return parse_moment(text, now=system_clock())


async def _behind(store: EventStore, moment: Moment) -> Mapping[str, int]:
    """Return how far projections had come, where the moment itself says so."""
    from backstory.timemachine.incidents.incident import find_incident
    from backstory.timemachine.moment import AtIncident

    if not isinstance(moment, AtIncident):
        return {}
    return (await find_incident(store, moment.id)).behind


def _positions(given: Sequence[str]) -> dict[str, int]:
    from backstory.core.errors import InvalidSetting

    found = {}
    for text in given:
        name, _, position = text.rpartition("=")
        if not name or not position.isdecimal():
            message = f"--behind takes PROJECTION=POSITION, such as users=4711, not {text!r}"
            raise InvalidSetting(message)
        found[name] = int(position)
    return found

"""Rebuilding for a command: opened, shown, one projection after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.application import chosen, opened_read_model
from backstory.cli.exits import ExitCode
from backstory.cli.opening import opened_to_read
from backstory.cli.rebuild_shown import showing, write_difference, write_rebuilt
from backstory.cli.screen import say
from backstory.core.errors import InvalidSetting
from backstory.core.schema import Schema
from backstory.projections.projection import Projection
from backstory.projections.rebuilding.abandoning import abandon_rebuild
from backstory.projections.rebuilding.rebuild import RebuildPolicy, rebuild

if TYPE_CHECKING:
    from backstory.application import Application
    from backstory.cli.process import Stop
    from backstory.core.store import EventStore
    from backstory.projections.read_model import ReadModel


def projections_of(application: Application, names: Iterable[str] | None) -> list[Projection]:
    """Return the projections of *application* called so, all when none is named.

    Raises `InvalidSetting` for a name that none has, and for that of a reactor.
    """
    followers = chosen(application, names)
    projections = [one for one in followers if isinstance(one, Projection)]
    reactors = [one.name for one in followers if not isinstance(one, Projection)]
    if reactors and (names or not projections):
        message = (
            f"{reactors[0]!r} is a reactor: it does things outside, and those are not done again "
            "for past events; name projections"
        )
        raise InvalidSetting(message)
    return projections


class Rebuilding(msgspec.Struct, frozen=True, kw_only=True):
    """What `rebuild` was asked to do; see its options."""

    schema: Schema
    projections: Sequence[Projection]
    store: str
    read_model: str
    read_model_schema: str
    policy: RebuildPolicy
    every: float
    json: bool

    async def work(self, _: Stop) -> int:
        """Rebuild each projection, and return the exit code."""
        differs = False
        async with (
            opened_to_read(self.store) as events,
            opened_read_model(self.read_model, self.read_model_schema) as model,
        ):
            for projection in self.projections:
                differs |= await self._rebuild(projection, events, model)
        return ExitCode.DIFFERS if differs and not self.policy.swap else ExitCode.DONE

    async def _rebuild(self, projection: Projection, events: EventStore, model: ReadModel) -> bool:
        """Rebuild *projection*; return whether something was found to differ."""
        with showing(projection.name, every=self.every, json=self.json) as tell:
            done = await rebuild(
                projection,
                schema=self.schema,
                store=events,
                read_model=model,
                policy=self.policy,
                tell=tell,
            )
        for table in done.comparison.tables:
            write_difference(projection.name, table, json=self.json)
        write_rebuilt(done, json=self.json)
        return not done.comparison.same

    async def abort(self, _: Stop) -> int:
        """Remove what interrupted rebuilds have left, and return the exit code."""
        async with opened_read_model(
            self.read_model, self.read_model_schema, must_exist=True
        ) as model:
            for projection in self.projections:
                await abandon_rebuild(projection, read_model=model)
                say(f"{projection.name}: nothing of a rebuild is left")
        return ExitCode.DONE

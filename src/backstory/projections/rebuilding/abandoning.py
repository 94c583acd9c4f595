"""Giving up a rebuild that was interrupted."""

from __future__ import annotations

import asyncio

from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.rebuilding.opening import beside_of


async def abandon_rebuild(projection: Projection, *, read_model: ReadModel) -> None:
    """Remove what an interrupted rebuild of *projection* has left beside the live tables, if any.

    Old tables that a rebuild has kept stay. Raises `RebuildRefused` while one is under way.
    """
    beside = beside_of(read_model, projection, discard=False)

    def remove() -> None:
        with beside.alone():
            beside.remove()

    await asyncio.to_thread(remove)

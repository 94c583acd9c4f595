from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from backstory import EventStore, open_store
from backstory.core.clock import Clock
from backstory.testing.contract.durability import check_acknowledged
from backstory.testing.contract.processes import Child
from backstory.testing.making import Opener
from backstory.testing.samples import all_of, check_order
from tests.servers.postgres import VERSIONS, PostgresServer
from tests.stores.postgres.conftest import with_settings

PROCESSES: Final = 8
TASKS: Final = 8
APPENDS: Final = 60
EVENTS: Final = PROCESSES * sum(
    1 + (number + writer) % 3 for number in range(APPENDS) for writer in range(TASKS)
)


def _at(url: str) -> Opener:
    async def make(place: Path, clock: Clock) -> EventStore:
        del place
        return await open_store(url, clock=clock)

    return Opener(make, Path(), url=url, open_with="backstory.stores.open:open_store")


async def _all_said(children: list[Child]) -> list[list[list[object]]]:
    """Listen to *children* all the while, so that none has to wait for a listener."""
    return await asyncio.gather(*(child.result() for child in children))


@pytest.mark.parametrize("own_postgres", VERSIONS, indirect=True, ids=str)
async def test_eight_writing_processes_and_four_reading_ones_see_one_order(
    own_postgres: PostgresServer,
) -> None:
    """Every reader sees every position exactly once, in order; half of them hear no hints."""
    url = own_postgres.create()
    opener = _at(url)
    store = await opener.open()
    deaf = _at(with_settings(url, notify="off"))
    readers = [await Child.start(at, "follow", EVENTS) for at in (opener, opener, deaf, deaf)]
    seen = asyncio.create_task(_all_said(readers))
    writers = [
        await Child.start(opener, "append", f"p{number}", TASKS, APPENDS)
        for number in range(PROCESSES)
    ]
    said = [line for lines in await _all_said(writers) for line in lines]
    log = await all_of(store)
    check_order(log)
    check_acknowledged(log, said)
    assert len(log) == EVENTS
    wanted = [[event.position, str(event.id)] for event in log]
    for reader in await seen:
        assert reader == wanted
    await opener.close()

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory import Appended, NewEvent, Read, open_store
from backstory.core.errors import StoreFull, StoreReadOnly, StoreUnavailable
from tests.stores.sqlite.conftest import Resize, some_event, url_of


async def test_a_full_disk_is_named_and_the_store_works_again_when_space_returns(
    tiny_disk: tuple[Path, Resize],
) -> None:
    """What was acknowledged stays, the rest is refused as `StoreFull`, and no restart is needed."""
    place, remount = tiny_disk
    store = await open_store(url_of(place / "store.db"))
    acknowledged: list[Appended] = []

    async def fill_up() -> None:
        for number in range(10_000):
            event = some_event(number, size=3_000)
            acknowledged.append(await store.append(f"a-{number}", [event]))

    with pytest.raises(StoreFull, match="Make space"):
        await fill_up()
    assert await store.head() == len(acknowledged) > 0

    remount("size=8m")
    again = await store.append("after", [some_event()])
    assert again.position == len(acknowledged) + 1
    everything = await store.read(Read(limit=10_000))
    assert [event.stream for event in everything] == [a.stream for a in acknowledged] + ["after"]
    await store.close()


async def test_one_large_append_on_a_nearly_full_disk_does_not_take_small_ones_with_it(
    tiny_disk: tuple[Path, Resize],
) -> None:
    """Appends that shared a failed transaction are tried one by one, each with its own outcome."""
    place, _ = tiny_disk
    store = await open_store(url_of(place / "store.db"))
    large = NewEvent.of("large", {"filling": "x" * 2_000_000})
    outcomes = await asyncio.gather(
        store.append("small-1", [some_event(1)]),
        store.append("large-1", [large]),
        store.append("small-2", [some_event(2)]),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], StoreFull)
    assert isinstance(outcomes[0], Appended)
    assert isinstance(outcomes[2], Appended)
    assert [e.stream for e in await store.read(Read())] == ["small-1", "small-2"]
    await store.close()


async def test_a_disk_that_turns_read_only_refuses_appends_and_still_reads(
    tiny_disk: tuple[Path, Resize],
) -> None:
    """A new store cannot be made on a read-only disk, and the error says what must be writable."""
    place, remount = tiny_disk
    remount("ro")
    with pytest.raises(StoreUnavailable, match=r"cannot be created|must be writable"):
        await open_store(url_of(place / "store.db"))


async def test_a_store_on_a_read_only_disk_says_so_when_it_is_opened_to_write(
    tiny_disk: tuple[Path, Resize],
) -> None:
    """An existing store on a read-only disk is refused with the rights it needs."""
    place, remount = tiny_disk
    store = await open_store(url_of(place / "store.db"))
    await store.append("a-1", [some_event()])
    await store.close()
    remount("ro")
    with pytest.raises(StoreReadOnly, match=r"writable|rights"):
        await open_store(url_of(place / "store.db"))

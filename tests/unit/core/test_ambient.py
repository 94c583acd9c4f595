from __future__ import annotations

import asyncio

import pytest

from backstory.core.ambient import correlated, correlation, traced, traceparent

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_nothing_surrounds_code_that_nobody_surrounded() -> None:
    """A script without any of it works the same."""
    assert correlation() is None
    assert traceparent() is None


def test_what_surrounded_a_block_does_so_again_after_it() -> None:
    """Also when the block was left by an error."""
    with correlated("outer"), traced(PARENT):
        with pytest.raises(KeyError), correlated("inner"), traced("other"):
            raise KeyError({correlation(): traceparent()}["inner"])
        assert (correlation(), traceparent()) == ("outer", PARENT)
    assert (correlation(), traceparent()) == (None, None)


async def test_tasks_side_by_side_do_not_see_each_others() -> None:
    """Two requests served at once keep their own correlation, and threads take it along."""

    async def serve(name: str, met: asyncio.Barrier) -> list[str | None]:
        with correlated(name), traced(f"{name}'s span"):
            await met.wait()
            return [correlation(), await asyncio.to_thread(traceparent)]

    met = asyncio.Barrier(2)
    served = await asyncio.gather(serve("one", met), serve("two", met))
    assert list(served) == [["one", "one's span"], ["two", "two's span"]]

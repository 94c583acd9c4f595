"""The portal: a loop of its own, for threads that cannot await."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backstory.blocking import Portal
from backstory.core.errors import InvalidInput, StoreClosed


@pytest.fixture
def portal() -> Iterator[Portal]:
    """Return a portal that is closed at the end."""
    made = Portal()
    yield made
    made.close()


async def add(first: int, *, second: int = 1) -> int:
    """Return the sum, after a turn of the loop."""
    await asyncio.sleep(0)
    return first + second


def test_a_call_answers_what_the_coroutine_answers(portal: Portal) -> None:
    """Arguments go through by place and by name."""
    assert portal.call(add, 1) == 2
    assert portal.call(add, 1, second=5) == 6


def test_a_call_raises_what_the_coroutine_raises(portal: Portal) -> None:
    """The portal goes on after it."""

    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        portal.call(fail)
    assert portal.call(add, 1) == 2


def test_no_thread_runs_before_the_first_call() -> None:
    """An import or a mistake costs nothing."""
    before = threading.active_count()
    portal = Portal()
    assert threading.active_count() == before
    portal.call(add, 1)
    assert threading.active_count() == before + 1
    portal.close()
    assert threading.active_count() == before


def test_all_calls_run_on_one_loop_whatever_thread_they_come_from(portal: Portal) -> None:
    """So that what belongs to a loop can be shared."""

    async def where() -> tuple[int, str]:
        await asyncio.sleep(0.001)
        return id(asyncio.get_running_loop()), threading.current_thread().name

    with ThreadPoolExecutor(16) as threads:
        places = set(threads.map(lambda _: portal.call(where), range(200)))
    assert len(places) == 1
    assert places.pop()[1] == "backstory-portal"


def test_calls_wait_side_by_side(portal: Portal) -> None:
    """A slow call does not hold up the others: these wait for one another."""
    barrier: list[asyncio.Barrier] = []

    async def meet() -> None:
        if not barrier:
            barrier.append(asyncio.Barrier(8))
        await barrier[0].wait()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: portal.call(meet), range(8)))


async def test_a_call_inside_a_running_loop_is_refused(portal: Portal) -> None:
    """It would stop every other task of that loop."""
    with pytest.raises(InvalidInput, match="await the async method instead"):
        portal.call(add, 1)
    assert await asyncio.to_thread(portal.call, add, 1) == 2


async def test_a_notebook_may_call_inside_its_loop() -> None:
    """Its loop has nothing else to do while a cell runs."""
    portal = Portal(inside_loop=True)
    assert portal.call(add, 1) == 2
    await asyncio.to_thread(portal.close)


@pytest.mark.parametrize("inside_loop", [True, False])
def test_a_call_from_the_portals_own_loop_is_always_refused(inside_loop: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    """It would wait for itself for ever."""
    portal = Portal(inside_loop=inside_loop)

    async def again() -> int:
        return portal.call(add, 1)

    with pytest.raises(InvalidInput):
        portal.call(again)
    portal.close()


def test_a_closed_portal_refuses_calls_and_closes_twice(portal: Portal) -> None:
    """With the error of a closed store, which is what it belongs to."""
    portal.call(add, 1)
    was_closed = portal.closed
    portal.close()
    portal.close()
    assert (was_closed, portal.closed) == (False, True)
    with pytest.raises(StoreClosed):
        portal.call(add, 1)


def test_closing_ends_the_calls_that_still_wait(portal: Portal) -> None:
    """No thread is left waiting for a loop that is gone."""
    started = threading.Event()

    async def wait_for_ever() -> None:
        started.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(portal.call, wait_for_ever)
        assert started.wait(5)
        portal.close()
        with pytest.raises(StoreClosed, match="closed during the call"):
            waiting.result(5)


def test_an_interrupt_cancels_the_call_and_spares_the_portal(portal: Portal) -> None:
    """Ctrl-C reaches the caller at once; the loop lives on."""
    cancelled = threading.Event()

    caller = threading.get_ident()

    async def wait_for_ever() -> None:
        while sys._current_frames()[caller].f_code.co_name != "wait":  # noqa: ASYNC110, SLF001 - nobody tells
            await asyncio.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(KeyboardInterrupt):
        portal.call(wait_for_ever)
    assert cancelled.wait(5)
    assert portal.call(add, 1) == 2


FORK = """
import os, sys
from backstory.blocking import Portal, open_blocking_store
from backstory.core.errors import StoreClosed
store = open_blocking_store("memory:")
assert store.head() == 0
child = os.fork()
if not child:
    code = 1
    try:
        store.head()
    except StoreClosed as error:
        code = 0 if "fork" in str(error) else 2
    store.close()
    with open_blocking_store("memory:") as another:
        code += another.head()
    sys.exit(code)
_, status = os.waitpid(child, 0)
assert store.head() == 0
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Return what came of *program* in a Python of its own."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_says_that_the_store_must_be_opened_again() -> None:
    """The child has no loop thread: without the check its call would hang for ever."""
    done = run(FORK)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_that_forgets_to_close_ends_all_the_same() -> None:
    """No hanging thread, no traceback at exit."""
    done = run("from backstory.blocking import *; print(open_blocking_store('memory:').head())")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")

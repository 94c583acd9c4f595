"""What holds for every test: Hypothesis profiles, no leaks, and no silent skips in CI."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Generator
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers.fixtures"]

CI: Final = os.environ.get("CI") == "true"
DECLARED: Final = "does not declare"
"""What the reason of a skip says when a table in the tree announces it: a power a store lacks."""

_GRACE: Final = 2.0
"""Seconds that threads and tasks have for ending by themselves once a test is over."""

# A deadline would measure how busy the machine is.
settings.register_profile("dev", max_examples=100, deadline=None)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if CI else "dev")


# Whoever starts the tests in the background lets them ignore Ctrl-C, and tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Guard every async test against tasks that outlive it."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.fixturenames.insert(0, "no_leaked_tasks")


@pytest.fixture
async def no_leaked_tasks() -> AsyncIterator[None]:
    """Fail the test when a task it started is still running after its fixtures are gone."""
    yield
    ours = asyncio.current_task()
    deadline = time.monotonic() + _GRACE
    while leaked := {task for task in asyncio.all_tasks() if task is not ours}:
        if time.monotonic() > deadline:
            names = "\n".join(f"  {task!r}" for task in leaked)
            pytest.fail(f"the test left tasks running:\n{names}", pytrace=False)
        await asyncio.sleep(0.01)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Remember the threads there were when the test began."""
    item.stash[_THREADS] = frozenset(threading.enumerate())
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the test when a thread it started outlives its fixtures."""
    result = yield
    before = item.stash.get(_THREADS, None)
    if before is None:
        return result
    deadline = time.monotonic() + _GRACE
    while leaked := [thread for thread in _started() if thread not in before]:
        if time.monotonic() > deadline:
            names = ", ".join(thread.name for thread in leaked)
            pytest.fail(f"the test left threads running: {names}", pytrace=False)
        time.sleep(0.01)
    return result


def _started() -> list[threading.Thread]:
    """Return the threads there are, without those that a library in C has for itself."""
    dummies = threading._DummyThread  # noqa: SLF001 - how Python calls them
    return [
        thread
        for thread in threading.enumerate()
        # gRPC keeps one thread for all its asynchronous clients, as long as the process lives.
        if not isinstance(thread, dummies) and "_poll_wrapper" not in thread.name
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, turn a skip that nothing declares into a failure: there, everything must run."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        if DECLARED not in reason:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped in CI: {reason}"
    return report


_THREADS = pytest.StashKey[frozenset[threading.Thread]]()

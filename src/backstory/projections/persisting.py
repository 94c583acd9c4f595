"""Work on a read model in a thread, with patience while the database cannot be used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy.engine import Dialect

from backstory.core.errors import ReadModelUnavailable
from backstory.projections.policy import Retry

T = TypeVar("T")

_MOST: Final = 4


class Threads:
    """The threads in which the workers of a process write. Open for as long as somebody runs."""

    def __init__(self, dialect: Dialect, partitions: int, name: str) -> None:
        """Have as many as pay for so many *partitions*."""
        # SQLite has one writer: threads would only keep one another waiting, in sleeps.
        self._most = 1 if dialect.name == "sqlite" else min(partitions, _MOST)
        self._name = f"backstory-{name}"
        self._users = 0
        self._executor: ThreadPoolExecutor | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let work be done inside the block."""
        self._users += 1
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._most, self._name)
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._executor.shutdown(wait=False)
                self._executor = None

    async def do(self, work: Callable[[], T]) -> T:
        """Do *work* in a thread; when cancelled, leave only after it has ended."""
        future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise


class Persisting:
    """Does work in a thread, again while the read model is unavailable, until told to stop."""

    def __init__(self, threads: Threads, retry: Retry) -> None:
        """Work in one of *threads*, and try again as *retry* says."""
        self._threads = threads
        self._retry = retry
        self._stopping = asyncio.Event()

    @property
    def is_stopping(self) -> bool:
        """Say whether `stop` was called."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Try nothing again from now on."""
        self._stopping.set()

    async def do(self, work: Callable[[], T]) -> T | None:
        """Return what *work* gives, None when it had to be tried again and was to stop.

        Raises `ReadModelUnavailable` once the attempts are used up.
        """
        attempt = 0
        while True:
            try:
                return await self._threads.do(work)
            except ReadModelUnavailable:
                attempt += 1
                if attempt >= self._retry.attempts:
                    raise
            if await self.stopped_within(self._retry.backoff.delay(attempt)):
                return None

    async def stopped_within(self, seconds: float) -> bool:
        """Wait so many *seconds*, or less when it is to stop; say whether it is."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

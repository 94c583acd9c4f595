"""The one thread that writes: concurrent appends share a transaction and an fsync.

While a commit is under way appends queue up, and all that have come form the next transaction.
Each append keeps its own outcome: a conflict never reaches the transaction, and when a whole
transaction fails its appends are tried again one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import apsw
import msgspec

from backstory.core.clock import Clock
from backstory.core.errors import BackstoryError, OutcomeUnknown, StoreClosed
from backstory.core.events import Appended, NewEvent
from backstory.core.expected import Expected, WrongExpectedRevision
from backstory.stores.sqlite.appender import Appender
from backstory.stores.sqlite.errors import translated_error
from backstory.stores.sqlite.settings import SqliteSettings

_MOST_TOGETHER = 2_000
"""Most appends in one transaction, so that none waits for an endless one."""

_MOST_BYTES_TOGETHER = 64 * 1024 * 1024


class _Pending(msgspec.Struct):
    """An append on its way: what to write, and who waits for the outcome."""

    stream: str
    events: tuple[NewEvent, ...]
    expected: Expected
    future: asyncio.Future[Appended]
    outcome: Appended | BackstoryError | None = None

    @property
    def size(self) -> int:
        return sum([len(event.data) for event in self.events])


class Writer:
    """Accepts appends from event loops and writes them from one thread."""

    def __init__(
        self,
        connection: apsw.Connection,
        settings: SqliteSettings,
        *,
        clock: Clock,
        on_commit: Callable[[int], None],
    ) -> None:
        """Write over *connection*; *on_commit* is told each new head, in the waiting loop."""
        self._connection = connection
        self._settings = settings
        self._clock = clock
        self._on_commit = on_commit
        self._appender = Appender(connection)
        self._queue: SimpleQueue[_Pending | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="backstory-writer", daemon=True)
        self._thread.start()

    async def append(
        self, stream: str, events: tuple[NewEvent, ...], expected: Expected
    ) -> Appended:
        """Return where *events* stand once they are on the disk."""
        if self._closed:
            raise StoreClosed
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._queue.put(_Pending(stream, events, expected, future))
        return await future

    async def close(self) -> None:
        """Write what was accepted, then end the thread."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._take()
            head = self._write_together(batch)
            for loop, answered in _by_loop(batch).items():
                # A closed loop has nobody waiting any more.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._deliver, answered, head)

    def _take(self) -> tuple[list[_Pending], bool]:
        """Return all that is waiting to be written, at least one; and whether that was the last."""
        batch: list[_Pending] = []
        size = 0
        while (pending := self._queue.get()) is not None:
            batch.append(pending)
            size += pending.size
            if len(batch) >= _MOST_TOGETHER or size >= _MOST_BYTES_TOGETHER or self._queue.empty():
                return batch, False
        return batch, True

    def _deliver(self, batch: list[_Pending], head: int) -> None:
        for pending in batch:
            if pending.future.done():  # cancelled while it was written
                continue
            if isinstance(pending.outcome, Appended):
                pending.future.set_result(pending.outcome)
            else:
                pending.future.set_exception(pending.outcome or OutcomeUnknown())
        if head:
            self._on_commit(head)

    def _write_together(self, batch: Sequence[_Pending]) -> int:
        """Write *batch* in one transaction, or one by one when that fails; return the new head."""
        head = self._write(batch)
        if head is None and len(batch) > 1:
            head = max((self._write([pending]) or 0 for pending in batch), default=0)
        return head or 0

    def _write(self, batch: Sequence[_Pending]) -> int | None:
        if not batch:
            return 0
        committing = False
        try:
            streams = [pending.stream for pending in batch]
            transaction = self._appender.begin(streams, self._clock)
            before = transaction.head
            for pending in batch:
                try:
                    pending.outcome = self._appender.append(
                        transaction, pending.stream, pending.events, pending.expected
                    )
                except WrongExpectedRevision as conflict:
                    pending.outcome = conflict
            self._appender.flush(transaction)
            committing = transaction.head != before
            self._connection.execute("COMMIT" if committing else "ROLLBACK")
        except apsw.Error as error:
            self._roll_back()
            failure = self._failure(error, committing=committing)
        except Exception as error:  # noqa: BLE001 - belongs to those who wait; the thread goes on
            self._roll_back()
            failure = OutcomeUnknown()
            failure.__cause__ = error
        else:
            return transaction.head
        for pending in batch:
            pending.outcome = failure
        return None

    def _failure(self, error: apsw.Error, *, committing: bool) -> BackstoryError:
        # When syncing fails the commit may still reach the disk, and come back after a crash.
        failure: BackstoryError
        if committing and isinstance(error, apsw.IOError):
            failure = OutcomeUnknown()
        else:
            failure = translated_error(error, self._settings.path)
        failure.__cause__ = error
        return failure

    def _roll_back(self) -> None:
        self._appender.forget()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _by_loop(batch: Sequence[_Pending]) -> dict[asyncio.AbstractEventLoop, list[_Pending]]:
    loops: dict[asyncio.AbstractEventLoop, list[_Pending]] = {}
    for pending in batch:
        loops.setdefault(pending.future.get_loop(), []).append(pending)
    return loops

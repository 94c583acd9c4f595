"""Group commit by hand: many tasks, one writing thread, one transaction for all that wait."""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue

import apsw

from bench.contestants.raw_table import INSERT, Row

_Waiting = tuple[Row, "asyncio.Future[None]"]
_Answered = tuple["asyncio.Future[None]", apsw.ConstraintError | None]


class GroupWriter:
    """Writes rows from one thread; rows that wait share a commit."""

    def __init__(self, connection: apsw.Connection) -> None:
        """Write over *connection*, for tasks of the running loop."""
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    async def write(self, row: Row) -> None:
        """Return once *row* is on the disk."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((row, future))
        await future

    def close(self) -> None:
        """End the thread and close the connection."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while not self._queue.empty():
                waiting = self._queue.get()
                if waiting is None:
                    return
                batch.append(waiting)
            self._loop.call_soon_threadsafe(_deliver, self._write(batch))

    def _write(self, batch: list[_Waiting]) -> list[_Answered]:
        """Insert all rows in one transaction; a conflict is the outcome of its row alone."""
        execute = self._connection.execute
        answered: list[_Answered] = []
        execute("BEGIN IMMEDIATE")
        for row, future in batch:
            try:
                execute(INSERT, row)
            except apsw.ConstraintError as conflict:
                answered.append((future, conflict))
            else:
                answered.append((future, None))
        execute("COMMIT")
        return answered


def _deliver(answered: list[_Answered]) -> None:
    for future, conflict in answered:
        if future.done():
            continue
        if conflict is None:
            future.set_result(None)
        else:
            future.set_exception(conflict)

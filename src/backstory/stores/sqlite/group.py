"""One group of appends, one transaction, one sync; each append keeps its own outcome.

A conflict never reaches the transaction, and when a whole transaction fails its appends are tried
again one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from time import perf_counter
from typing import Final

import apsw
import msgspec

from backstory.core.clock import Clock
from backstory.core.errors import BackstoryError, OutcomeUnknown, StoreBusy
from backstory.core.events import Appended
from backstory.core.expected import WrongExpectedRevision
from backstory.core.retaining import StreamDeleted
from backstory.stores.sqlite.appender import Appender, Part, Transaction
from backstory.stores.sqlite.errors import translated_error
from backstory.stores.sqlite.settings import SqliteSettings

_FULL_LOG: Final = 1_000
"""Pages in the write-ahead log from which on they are copied into the file, as SQLite has it."""


class Pending(msgspec.Struct):
    """An append on its way: what to write to which streams, and who waits for the outcome."""

    parts: Sequence[Part]
    future: asyncio.Future[Sequence[Appended]]
    outcome: Sequence[Appended] | BackstoryError | None = None

    @property
    def size(self) -> int:
        """Return about how many bytes it writes."""
        return sum([len(event.data) for _, events, _ in self.parts for event in events])

    def carry_out(self, appender: Appender, transaction: Transaction) -> Sequence[Appended]:
        """Do within *transaction* what is asked for; raises when the streams do not allow it."""
        return appender.append(transaction, self.parts)

    def answer(self) -> None:
        """Give the outcome to whoever waits."""
        if self.future.done():  # cancelled while it was written
            return
        if self.outcome is None or isinstance(self.outcome, BackstoryError):
            self.future.set_exception(self.outcome or OutcomeUnknown())
        else:
            self.future.set_result(self.outcome)


class Ending(Pending):
    """A tombstone on its way; its one part has no events."""

    def carry_out(self, appender: Appender, transaction: Transaction) -> Sequence[Appended]:
        """End the stream."""
        [(stream, _, expected)] = self.parts
        return [appender.end(transaction, stream, expected)]


class Erasing(Pending):
    """An erasure on its way: of the one part's stream, before a revision."""

    before: int = 0
    erased: int = 0

    @property
    def size(self) -> int:
        """Return more than the event loop takes upon itself: nobody knows how much it is."""
        return 1 << 30

    def carry_out(self, appender: Appender, transaction: Transaction) -> Sequence[Appended]:
        """Erase, and remember how many events that were."""
        [(stream, _, _)] = self.parts
        self.erased = appender.erase(transaction, stream, self.before)
        return []


class GroupCommit:
    """Writes groups over one connection, from one thread at a time."""

    def __init__(
        self, connection: apsw.Connection, settings: SqliteSettings, *, clock: Clock
    ) -> None:
        """Write over *connection*, which nothing else writes over."""
        self._connection = connection
        self._settings = settings
        self._clock = clock
        self._appender = Appender(connection)
        self._pages_logged = 0
        self._patient = True
        self.seconds_at_disk: float = 0.0
        """How long the last commit took."""
        connection.set_wal_hook(self._note_pages)

    @property
    def log_is_full(self) -> bool:
        """Say whether it is time to `tidy`."""
        return self._pages_logged >= _FULL_LOG

    def write(self, group: Sequence[Pending]) -> int:
        """Give each of *group* its outcome; return the new head, 0 when nothing was written.

        Waits for another process's lock as long as the settings say.
        """
        self._wait_for_locks(patiently=True)
        return self._write_together(group)

    def write_at_once(self, group: Sequence[Pending]) -> int | None:
        """Do what `write` does unless a lock is in the way; then do nothing and return None."""
        self._wait_for_locks(patiently=False)
        head = self._write_together(group)
        return None if isinstance(group[0].outcome, StoreBusy) else head

    def _write_together(self, group: Sequence[Pending]) -> int:
        head = self._write(group)
        if head is None and len(group) > 1 and not isinstance(group[0].outcome, StoreBusy):
            head = max((self._write([pending]) or 0 for pending in group), default=0)
        return head or 0

    def tidy(self) -> None:
        """Copy the write-ahead log into the file, as far as readers allow.

        Takes some milliseconds, so not for the event loop. What fails here fails again, and is
        told, at a later commit.
        """
        with contextlib.suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _note_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._pages_logged = pages
        return apsw.SQLITE_OK

    def _wait_for_locks(self, *, patiently: bool) -> None:
        if patiently is not self._patient:
            self._patient = patiently
            seconds = self._settings.busy_timeout if patiently else 0
            self._connection.set_busy_timeout(int(seconds * 1000))

    def _write(self, group: Sequence[Pending]) -> int | None:
        """Write *group* in one transaction; return the head, None when the transaction failed."""
        if not group:
            return 0
        committing = False
        try:
            streams = [stream for pending in group for stream, _, _ in pending.parts]
            transaction = self._appender.begin(streams, self._clock)
            before = transaction.head
            for pending in group:
                try:
                    pending.outcome = pending.carry_out(self._appender, transaction)
                except (WrongExpectedRevision, StreamDeleted) as conflict:
                    pending.outcome = conflict
            self._appender.flush(transaction)
            committing = transaction.head != before or transaction.erased > 0
            began = perf_counter()
            self._connection.execute("COMMIT" if committing else "ROLLBACK")
            self.seconds_at_disk = perf_counter() - began
        except apsw.Error as error:
            self._roll_back()
            failure = self._failure(error, committing=committing)
        except Exception as error:  # noqa: BLE001 - belongs to those who wait; the thread goes on
            self._roll_back()
            failure = OutcomeUnknown()
            failure.__cause__ = error
        else:
            return transaction.head
        for pending in group:
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

"""The store itself: a table of contents over writer, reader, watcher and verification."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from backstory.core.appending import StreamAppend, check_append, check_append_several
from backstory.core.clock import Clock, system_clock, to_microseconds
from backstory.core.errors import StoreClosed, StoreReadOnly
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected, check_expected
from backstory.core.listening import OnCommit
from backstory.core.listing import NameEnds, Names, StreamEnds
from backstory.core.names import check_stream_name
from backstory.core.read import Read
from backstory.core.retaining import check_before
from backstory.core.store import Fault, Sought
from backstory.stores.postgres.connector import Connector
from backstory.stores.postgres.ending import Ender
from backstory.stores.postgres.hints import Hints
from backstory.stores.postgres.joining import append_in
from backstory.stores.postgres.link import Link
from backstory.stores.postgres.listing import categories_page, streams_page, types_page
from backstory.stores.postgres.migrations import prepare
from backstory.stores.postgres.pool import Pool
from backstory.stores.postgres.reader import Reader
from backstory.stores.postgres.settings import PostgresSettings
from backstory.stores.postgres.verify import verify
from backstory.stores.postgres.watcher import Watcher
from backstory.stores.postgres.writer import Writer

if TYPE_CHECKING:
    from backstory.stores.postgres.joining import Joinable


class PostgresStore:
    """An event store in a PostgreSQL schema; processes and machines may use it at once.

    Open it with `open` (or `backstory.open_store`). An append that returned survives kill -9 and
    power loss, as far as the server's disk keeps its word. Use one instance from one event loop.
    See `EventStore` for all it promises.
    """

    def __init__(
        self, settings: PostgresSettings, connector: Connector, link: Link, *, clock: Clock
    ) -> None:
        """Take over what `open` made: *link* is the first of the *connector*'s."""
        self._settings = settings
        self._clock = clock
        self._closed = False
        self._pool = Pool(connector, settings)
        self._pool.keep(link)
        self._hints = Hints(connector, self._pool, settings)
        self._watcher = Watcher(self._pool, self._hints, settings)
        self._reader = Reader(self._pool)
        self._ender = Ender(connector, settings.place)
        self._writer = Writer(connector, settings.place, clock=clock, on_head=self._note)

    @classmethod
    async def open(cls, url: str, *, clock: Clock = system_clock) -> PostgresStore:
        """Return the store at *url*, `postgresql://user:password@host:port/database?…`.

        Creates and migrates the tables when `mode` and the role allow it. The server tells the
        time unless a *clock* is given. Raises `InvalidSetting`, `StoreUnavailable`, `StoreDamaged`
        or `StoreVersionUnsupported`.
        """
        settings = PostgresSettings.from_url(url)
        connector = Connector(settings)
        link = await connector.connect()
        try:
            await prepare(link, settings)
        except BaseException:
            link.break_off()
            raise
        return cls(settings, connector, link, clock=clock)

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Add *events* to *stream*; see `EventStore.append`."""
        batch = check_append(stream, events, expected)
        self._check_writable()
        (appended,) = await self._writer.append(((stream, batch, expected),))
        return appended

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to several streams, all or none; see `AppendingSeveral.append_several`."""
        parts = check_append_several(appends)
        self._check_writable()
        return await self._writer.append([(p.stream, p.events, p.expected) for p in parts])

    async def append_in(
        self,
        connection: Joinable,
        stream: str,
        events: Sequence[NewEvent],
        *,
        expected: Expected = ANY,
    ) -> Appended:
        """Add *events* to *stream* within the transaction that is under way on *connection*.

        That may be a connection of asyncpg's, or a connection or session of SQLAlchemy's, to the
        database of this store. The events are stored when the caller commits, together with all
        else of that transaction, and are as if never written when it is rolled back. Until then
        every other append waits, so append last and commit soon.

        Raises as `append` does. After `WrongExpectedRevision` and `InvalidInput` the transaction
        can go on; after `StoreBusy` and any other `StoreUnavailable` it can only be rolled back.
        """
        batch = check_append(stream, events, expected)
        self._check_open()
        self._check_writable()
        at_us = None if self._clock is system_clock else to_microseconds(self._clock())
        appended = await append_in(connection, (stream, batch, expected), self._settings, at_us)
        self._hints.expect()  # nobody tells when the caller commits
        return appended

    async def tombstone(self, stream: str, *, expected: Expected = ANY) -> Appended:
        """End *stream* for good; see `Retaining.tombstone`."""
        check_expected(expected)
        check_stream_name(stream)
        self._check_open()
        self._check_writable()
        at_us = None if self._clock is system_clock else to_microseconds(self._clock())
        appended = await self._ender.end(stream, expected, at_us)
        self._note(appended.position)
        return appended

    async def erase(self, stream: str, *, before: int) -> int:
        """Erase the events of *stream* before a revision; see `Retaining.erase`."""
        check_before(before)
        check_stream_name(stream)
        self._check_open()
        self._check_writable()
        return await self._ender.erase(stream, before)

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page; see `EventStore.read`."""
        self._check_open()
        return await self._reader.read(query)

    async def find(self, id: UUID) -> RecordedEvent | None:  # noqa: A002 - the protocol's
        """Return the event with this id; see `Searching.find`."""
        self._check_open()
        return await self._reader.find(id)

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Return the events whose metadata hold one of the words; see `Searching.search`."""
        self._check_open()
        return await self._reader.search(sought)

    async def streams(self, names: Names) -> Sequence[StreamEnds]:
        """Return one page of the streams; see `Listing.streams`."""
        self._check_open()
        return await streams_page(self._pool, names)

    async def categories(self, names: Names) -> Sequence[NameEnds]:
        """Return one page of the categories; see `Listing.categories`."""
        self._check_open()
        return await categories_page(self._pool, names)

    async def types(self, names: Names) -> Sequence[NameEnds]:
        """Return one page of the event types; see `Listing.types`."""
        self._check_open()
        return await types_page(self._pool, names)

    async def head(self) -> int:
        """Return the newest position, 0 when there is none."""
        self._check_open()
        return await self._watcher.head()

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - part of the promise
        """Return the head once it is beyond *position*, or after *timeout* seconds."""
        self._check_open()
        head = await self._watcher.wait(position, timeout)
        self._check_open()
        return head

    def verify(self) -> AsyncIterator[Fault | int]:
        """Yield every fault of the tables, and the position checked so far; see `Verifying`."""
        return verify(self._reader, self._pool)

    def on_commit(self, hear: OnCommit) -> None:
        """Call *hear* for every transaction from now on; see `Committing`."""
        self._writer.hear(hear)

    async def close(self) -> None:
        """Write what was accepted, answer what was asked, and close the connections."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await self._watcher.close()
        await self._hints.close()
        await self._pool.close()

    def _note(self, head: int) -> None:
        self._watcher.note(head)
        self._hints.send()

    def _check_writable(self) -> None:
        if not self._settings.writable:
            message = f"{self._settings.place} was opened to read only (mode=ro)"
            raise StoreReadOnly(message)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed

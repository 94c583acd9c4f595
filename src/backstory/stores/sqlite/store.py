"""The store itself: a table of contents over writer, readers, watcher and verification."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from uuid import UUID

import apsw

from backstory.core.appending import StreamAppend, check_append, check_append_several
from backstory.core.clock import Clock, system_clock
from backstory.core.errors import StoreClosed, StoreReadOnly
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected, check_expected
from backstory.core.listening import OnCommit
from backstory.core.listing import NameEnds, Names, StreamEnds
from backstory.core.names import check_stream_name
from backstory.core.read import Read
from backstory.core.retaining import check_before
from backstory.core.store import Fault, Sought
from backstory.stores.sqlite.connection import connect, prepare
from backstory.stores.sqlite.errors import translated
from backstory.stores.sqlite.listing import categories_page, streams_page, types_page
from backstory.stores.sqlite.queries import read_page
from backstory.stores.sqlite.quick_reader import QuickReader
from backstory.stores.sqlite.reader import Readers
from backstory.stores.sqlite.searching import find_event, search_page
from backstory.stores.sqlite.settings import SqliteSettings
from backstory.stores.sqlite.verify import verify
from backstory.stores.sqlite.watcher import Watcher
from backstory.stores.sqlite.writer import Writer


class SqliteStore:
    """An event store in one SQLite file; several processes may use the file at once.

    Open it with `open` (or `backstory.open_store`). An append that returned survives kill -9 and
    power loss. Use one instance from one event loop. See `EventStore` for all it promises.
    """

    def __init__(
        self, settings: SqliteSettings, connections: Sequence[apsw.Connection], *, clock: Clock
    ) -> None:
        """Take over *connections* made by `open`: writer, watcher, quick reader, then readers."""
        self._settings = settings
        self._closed = False
        writing, watching, quick, *reading = connections
        self._watcher = Watcher(watching, settings.path)
        self._quick_reader = QuickReader(quick)
        self._readers = Readers(reading, settings.path)
        self._writing = writing
        self._writer = Writer(writing, settings, clock=clock, on_commit=self._watcher.note)

    @classmethod
    async def open(cls, url: str, *, clock: Clock = system_clock) -> SqliteStore:
        """Return the store at *url*, `sqlite:///file.db` with settings as query parameters.

        Creates and migrates the file when `mode` allows it. Raises `InvalidSetting`,
        `StoreUnavailable`, `StoreDamaged` or `StoreVersionUnsupported`.
        """
        settings = SqliteSettings.from_url(url)
        connections = await asyncio.to_thread(_connections, settings)
        return cls(settings, connections, clock=clock)

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

    async def tombstone(self, stream: str, *, expected: Expected = ANY) -> Appended:
        """End *stream* for good; see `Retaining.tombstone`."""
        check_expected(expected)
        check_stream_name(stream)
        self._check_writable()
        return await self._writer.end(stream, expected)

    async def erase(self, stream: str, *, before: int) -> int:
        """Erase the events of *stream* before a revision; see `Retaining.erase`."""
        check_before(before)
        check_stream_name(stream)
        self._check_writable()
        return await self._writer.erase(stream, before)

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page; see `EventStore.read`."""
        self._check_open()
        page = self._quick_reader.read(query)
        if page is None:
            return await self._readers.ask(partial(read_page, query=query))
        await self._quick_reader.give_way()
        return page

    async def find(self, id: UUID) -> RecordedEvent | None:  # noqa: A002 - the protocol's
        """Return the event with this id; see `Searching.find`."""
        self._check_open()
        return await self._readers.ask(partial(find_event, event_id=id.bytes))

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Return the events whose metadata hold one of the words; see `Searching.search`."""
        self._check_open()
        return await self._readers.ask(partial(search_page, sought=sought))

    async def streams(self, names: Names) -> Sequence[StreamEnds]:
        """Return one page of the streams; see `Listing.streams`."""
        self._check_open()
        return await self._readers.ask(partial(streams_page, names=names))

    async def categories(self, names: Names) -> Sequence[NameEnds]:
        """Return one page of the categories; see `Listing.categories`."""
        self._check_open()
        return await self._readers.ask(partial(categories_page, names=names))

    async def types(self, names: Names) -> Sequence[NameEnds]:
        """Return one page of the event types; see `Listing.types`."""
        self._check_open()
        return await self._readers.ask(partial(types_page, names=names))

    async def head(self) -> int:
        """Return the newest position, 0 when there is none."""
        self._check_open()
        return self._watcher.head()

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - part of the promise
        """Return the head once it is beyond *position*, or after *timeout* seconds."""
        self._check_open()
        head = await self._watcher.wait(position, timeout)
        self._check_open()
        return head

    def verify(self) -> AsyncIterator[Fault | int]:
        """Yield every fault of the file, and the position checked so far; see `Verifying`."""
        return verify(self._readers)

    def on_commit(self, hear: OnCommit) -> None:
        """Call *hear* for every transaction from now on; see `Committing`."""
        self._writer.hear(hear)

    async def close(self) -> None:
        """Write what was accepted, answer what was asked, and close the file."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await self._watcher.close()
        self._quick_reader.close()
        await self._readers.close()
        # The last connection out folds the write-ahead log into the file.
        await asyncio.to_thread(self._writing.close)

    def _check_writable(self) -> None:
        if not self._settings.writable:
            message = f"{self._settings.path} was opened to read only (mode=ro)"
            raise StoreReadOnly(message)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed


def _connections(settings: SqliteSettings) -> list[apsw.Connection]:
    opened: list[apsw.Connection] = []
    try:
        with translated(settings.path):
            opened.append(connect(settings))
            prepare(opened[0], settings)
            reading = "ro" if settings.mode == "ro" else "rw"
            opened.extend(connect(settings, mode=reading) for _ in range(settings.readers + 2))
    except BaseException:
        for connection in opened:
            connection.close()
        raise
    return opened

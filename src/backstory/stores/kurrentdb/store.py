"""The event store on KurrentDB: our protocol over the official asynchronous client."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from kurrentdbclient import AsyncKurrentDBClient, StreamState
from kurrentdbclient.exceptions import NotFoundError, WrongCurrentVersionError

from backstory.core.appending import check_append
from backstory.core.errors import InvalidSetting, StoreClosed, StoreUnavailable
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, NO_STREAM, Expected, WrongExpectedRevision
from backstory.core.read import BACKWARDS, Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.stores.kurrentdb.errors import appending, reading
from backstory.stores.kurrentdb.events import proposed
from backstory.stores.kurrentdb.reading import read_page
from backstory.stores.kurrentdb.watching import Watcher

_SECONDS_TO_CONNECT: Final = 30.0
_OF_NODE: Final = re.compile("throwOnAppendFailure=", re.IGNORECASE)
_SECONDS_TO_FINISH: Final = 5.0
_LAST_REVISION: Final = TOMBSTONE_REVISION - 1


class KurrentStore:
    """An event store on a KurrentDB or EventStoreDB server, or a cluster; see `EventStore`.

    Positions are the server's commit positions: they grow, and have gaps. System events (whose type
    and stream begin with `$`) are left out of reads that name neither. The
    server's clock gives `recorded_at`; across a change of the leader of a cluster it may run
    backwards, which no client can mend. Use it from one event loop.
    """

    def __init__(self, client: AsyncKurrentDBClient) -> None:
        """Speak through *client*, which is connected; closing the store closes it."""
        self._client = client
        self._watcher = Watcher(client)
        self._closed = False
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def open(cls, url: str) -> KurrentStore:
        """Return a store on the server that *url* names, as the official clients write it.

        `esdb://user:password@host:2113?tls=false`, `kurrentdb://…`, or with `+discover` for a
        cluster. Raises `InvalidSetting` for what is no such URL, `StoreUnavailable` when no server
        answers.
        """
        try:
            client = AsyncKurrentDBClient(_known(url))
        except (ValueError, TypeError, AssertionError) as error:
            message = (
                f"that is no connection string of KurrentDB: {error}; "
                "write esdb://host:2113?tls=false or kurrentdb+discover://name"
            )
            raise InvalidSetting(message) from error
        store = cls(client)
        try:
            async with asyncio.timeout(_SECONDS_TO_CONNECT):
                with reading():
                    await client.connect()
                await store.head()
        except TimeoutError as error:
            await store.close()
            message = f"no server answered within {_SECONDS_TO_CONNECT:.0f} s"
            raise StoreUnavailable(message) from error
        except BaseException:
            await store.close()
            raise
        return store

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Add *events* to *stream*; see `EventStore.append`. The server knows repetitions."""
        self._check_open()
        batch = check_append(stream, events, expected)
        with self._calling():
            return await self._append(stream, batch, expected)

    async def _append(self, stream: str, batch: Sequence[NewEvent], expected: Expected) -> Appended:
        if isinstance(expected, int) and expected > _LAST_REVISION:
            actual = await self._last_revision(stream)
            raise WrongExpectedRevision(stream=stream, expected=expected, actual=actual)
        size = sum(len(event.data) + len(event.metadata) for event in batch)
        try:
            with appending(stream, size):
                position = await self._client.append_to_stream(
                    stream,
                    events=[proposed(event) for event in batch],
                    current_version=_current_version(expected),
                )
        except WrongCurrentVersionError as error:
            actual = await self._last_revision(stream)
            raise WrongExpectedRevision(stream=stream, expected=expected, actual=actual) from error
        revision = await self._revision(stream, batch, expected, position)
        return Appended(stream, revision, position)

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page of *query*; see `EventStore.read`."""
        self._check_open()
        with self._calling(), reading():
            return await read_page(self._client, query)

    async def head(self) -> int:
        """Return the position of the newest event that is no system event, 0 when there is none."""
        newest = await self.read(Read(direction=BACKWARDS, limit=1))
        return newest[0].position if newest else 0

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - the protocol's
        """Return the head as soon as it is beyond *position*; see `EventStore.wait`."""
        self._check_open()
        try:
            async with asyncio.timeout(timeout):
                grown = await self._watcher.grown()
                # Asked once: what comes afterwards is heard of.
                head = await self.head()
                while max(head, self._watcher.newest) <= position:
                    await grown.wait()
                    self._check_open()
                    grown = await self._watcher.grown()
                return max(head, self._watcher.newest)
        except TimeoutError:
            return await self.head()

    async def close(self) -> None:
        """Finish what is under way, and let go of the connection; closing twice is allowed."""
        if self._closed:
            return
        self._closed = True
        await self._watcher.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_FINISH):
                await self._idle.wait()
        await self._client.close()

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """Let `close` wait for the block."""
        self._calls += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if self._calls == 0:
                self._idle.set()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed

    async def _last_revision(self, stream: str) -> int | None:
        with reading():
            found = await self._client.get_current_version(stream)
        return found if isinstance(found, int) else None

    async def _revision(
        self, stream: str, batch: Sequence[NewEvent], expected: Expected, position: int
    ) -> int:
        """Return the revision of the last event of *batch*, which stands at *position*."""
        if isinstance(expected, int):
            return expected + len(batch)
        if expected is NO_STREAM:
            return len(batch) - 1
        wanted = batch[-1].id
        with reading():
            at = await self._client.read_all(commit_position=position, limit=1, filter_exclude=())
            async with at:
                async for event in at:
                    if event.id == wanted and event.stream_name == stream:
                        return event.stream_position
            # A server that answers another position of the append: looked for from the end.
            try:
                async with await self._client.read_stream(stream, backwards=True) as newest:
                    async for event in newest:
                        if event.id == wanted:
                            return event.stream_position
            except NotFoundError:
                pass
        message = f"what was appended to {stream!r} cannot be found there; was the stream deleted?"
        raise StoreUnavailable(message)


def _known(url: str) -> str:
    """Return *url* without what only the clients for Node know, so that both may share it."""
    place, _, query = url.partition("?")
    kept = [each for each in query.split("&") if not _OF_NODE.match(each)]
    return f"{place}?{'&'.join(kept)}" if any(kept) else place


def _current_version(expected: Expected) -> int | StreamState:
    if isinstance(expected, int):
        return expected
    if expected is ANY:
        return StreamState.ANY
    return StreamState.NO_STREAM if expected is NO_STREAM else StreamState.EXISTS

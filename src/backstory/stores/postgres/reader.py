"""From a `Read` to its page.

An event larger than its share of the page comes without what it holds, which is then asked for as
far as the page has room: no answer of the server is much larger than a page.

The kinds of a category or of types are asked for beforehand, in a snapshot of their own, so what
is read with them ends at the head of that snapshot: beyond it an event may be of a kind unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from backstory.core.errors import StoreDamaged
from backstory.core.events import RecordedEvent
from backstory.core.read import FORWARDS, MAX_PAGE_BYTES, Read
from backstory.core.store import Sought
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.group import Call
from backstory.stores.postgres.kinds import Filter, Kinds
from backstory.stores.postgres.link import Row
from backstory.stores.postgres.pool import Pool
from backstory.stores.postgres.queries import (
    MOST_ARMS,
    find_call,
    kinds_call,
    log_call,
    positions,
    search_call,
    stream_call,
)


class Reader:
    """Reads pages over a pool of links."""

    def __init__(self, pool: Pool) -> None:
        """Read over *pool*."""
        self._pool = pool
        self._kinds = Kinds(pool, MOST_ARMS)

    async def read(self, query: Read) -> list[RecordedEvent]:
        """Return the page of *query*, cut at its limit or at about `MAX_PAGE_BYTES`."""
        types = tuple([name for name in query.types if _can_exist(name)])
        if not all(map(_can_exist, (query.stream or "", query.category or ""))):
            return []
        if len(types) < len(query.types):
            if not types:
                return []
            query = replace(query, types=types)
        if query.stream is not None:
            rows = await self._fetch(stream_call(query, query.stream))
        elif query.category is None and not types:
            rows = await self._fetch(log_call(query))
        else:
            rows = await self._filtered(query)
        return await self._events(rows)

    async def find(self, event_id: UUID) -> RecordedEvent | None:
        """Return the earliest event with this id, None without one."""
        page = await self._events(await self._fetch(find_call(event_id)))
        return page[0] if page else None

    async def search(self, sought: Sought) -> list[RecordedEvent]:
        """Return the page of what is *sought*, cut as that of a read is."""
        words = [word for word in sought.words if _can_exist(word)]
        return await self._events(await self._fetch(search_call(sought, words))) if words else []

    async def _fetch(self, call: Call) -> Sequence[Row]:
        statement, values = call
        return await self._pool.fetch(statement, *values)

    async def _filtered(self, query: Read) -> Sequence[Row]:
        """Return the rows of a category or of some types."""
        low, high = positions(query)
        known = self._kinds.remembered(query)
        if known is not None and known.head > low:
            covered = known.head >= high - 1
            if covered or query.direction is FORWARDS:
                rows = await self._walk(query, known)
                if covered or len(rows) == query.limit:
                    return rows
        return await self._walk(query, await self._kinds.ask(query))

    async def _walk(self, query: Read, known: Filter) -> Sequence[Row]:
        if not known.numbers:
            return []
        return await self._fetch(kinds_call(query, known.numbers, known.head))

    async def _events(self, rows: Sequence[Row]) -> list[RecordedEvent]:
        types = self._kinds.known
        try:
            return [
                RecordedEvent(position, stream, revision, types[kind], data, meta, key, recorded_us)
                for position, stream, revision, kind, data, meta, key, recorded_us in rows
            ]
        except KeyError:  # a kind that is new to us, or the mark of a large event
            return await self._completed(rows)

    async def _completed(self, rows: Sequence[Row]) -> list[RecordedEvent]:
        """Return the events of *rows* with what the large ones hold, as far as a page reaches."""
        types = await self._kinds.names({abs(row[3]) for row in rows})
        large = [row[0] for row in rows if row[3] < 0]
        held = iter(
            await self._pool.fetch(sql.LARGE_EVENTS, large, MAX_PAGE_BYTES) if large else ()
        )
        page: list[RecordedEvent] = []
        size = 0
        for position, stream, revision, kind, *payload, key, recorded_us in rows:
            if size >= MAX_PAGE_BYTES:
                break
            data, meta = payload if kind > 0 else next(held)
            name = types.get(abs(kind))
            if name is None:
                message = f"the event at position {position} is of kind {kind}, which is unknown"
                raise StoreDamaged(message)
            page.append(
                RecordedEvent(position, stream, revision, name, data, meta, key, recorded_us)
            )
            size += len(data) + len(meta)
        return page


def _can_exist(name: str) -> bool:
    """Return whether a thing of this name can exist: lone surrogates and NUL cannot be stored."""
    plain = name.isascii() or name.encode(errors="ignore").decode() == name
    return plain and "\0" not in name

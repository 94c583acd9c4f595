"""Reading pages: of a stream, of a category, of types, of everything."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final, TypedDict

from kurrentdbclient import AsyncKurrentDBClient
from kurrentdbclient.exceptions import KurrentDBClientError, NotFoundError, StreamIsDeletedError

from backstory.core.errors import InvalidName
from backstory.core.events import RecordedEvent
from backstory.core.names import check_stream_name
from backstory.core.read import BACKWARDS, MAX_PAGE_BYTES, Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.stores.kurrentdb.events import recorded

_SYSTEM: Final = "$"

PLENTIFUL: Final = (r"\$\$.*", r"\$stats-.*")
"""System streams that servers write much into; the server itself leaves them out."""


async def read_page(client: AsyncKurrentDBClient, query: Read) -> Sequence[RecordedEvent]:
    """Return one page of *query*; raises what the client raises."""
    if _names_nothing(query):
        return []
    events = _stream(client, query) if query.stream is not None else _all(client, query)
    page: list[RecordedEvent] = []
    size = 0
    async with aclosing(events):
        async for event in events:
            bytes_of_event = len(event.data) + len(event.metadata)
            if page and size + bytes_of_event > MAX_PAGE_BYTES:
                break
            page.append(event)
            size += bytes_of_event
            if len(page) >= query.limit:
                break
    return page


def _names_nothing(query: Read) -> bool:
    """Say whether the query names what cannot be there, which a server would refuse to look for."""
    if query.after is not None and query.after >= TOMBSTONE_REVISION:
        return True
    try:
        if query.stream is not None:
            check_stream_name(query.stream)
        elif query.category is not None:
            query.category.encode()
        " ".join(query.types).encode()
    except (InvalidName, UnicodeEncodeError):
        return True
    return False


async def _stream(client: AsyncKurrentDBClient, query: Read) -> AsyncGenerator[RecordedEvent, None]:
    assert query.stream is not None  # noqa: S101 - the only caller asks
    backwards = query.direction is BACKWARDS
    after = -1 if query.after is None else max(query.after, -1)
    if query.before is not None and query.before <= after + 1:
        return
    start = query.before - 1 if backwards and query.before is not None else None
    try:
        response = await client.read_stream(
            query.stream,
            stream_position=start if backwards else after + 1,
            backwards=backwards,
            limit=_limit(query),
        )
        async with response:
            async for told in response:
                event = recorded(told)
                if _is_out(event.revision, query, after):
                    return
                if query.until is not None and event.position > query.until:
                    if backwards:
                        continue
                    return
                if not query.types or event.type in query.types:
                    yield event
    except (NotFoundError, StreamIsDeletedError):
        return


def _limit(query: Read) -> int:
    """Return how many events to ask for: all, when some of them may be left out afterwards."""
    return sys.maxsize if query.types or query.until is not None else query.limit


def _is_out(revision: int, query: Read, after: int) -> bool:
    if query.direction is BACKWARDS:
        return revision <= after
    return query.before is not None and revision >= query.before


async def _all(client: AsyncKurrentDBClient, query: Read) -> AsyncGenerator[RecordedEvent, None]:
    if query.direction is BACKWARDS:
        pieces = _backwards(client, query)
    else:
        after = max(query.after or 0, 0)
        # A position names an event and is included; the first is the one already seen.
        pieces = _from(client, query, after or None, backwards=False)
    wanted = _wanted(query)
    async with aclosing(pieces):
        async for event in pieces:
            if query.direction is BACKWARDS:
                if query.after is not None and event.position <= query.after:
                    return
            elif _is_beyond(event, query):
                return
            if wanted(event):
                yield event


def _is_beyond(event: RecordedEvent, query: Read) -> bool:
    if query.until is not None and event.position > query.until:
        return True
    return query.before is not None and event.position >= query.before


def _wanted(query: Read) -> Callable[[RecordedEvent], bool]:
    """Return what says of an event whether it belongs to the answer."""
    after, before, until = query.after, query.before, query.until

    def wanted(event: RecordedEvent) -> bool:
        return (
            (after is None or event.position > after)
            and (before is None or event.position < before)
            and (until is None or event.position <= until)
            and (not query.types or event.type in query.types)
            and (query.category is None or event.category == query.category)
            and (bool(query.types) or not is_system(event.type, event.stream))
        )

    return wanted


def is_system(event_type: str, stream: str) -> bool:
    """Say whether an event of this type in this stream is the server's own."""
    return event_type.startswith(_SYSTEM) and stream.startswith(_SYSTEM)


async def _backwards(
    client: AsyncKurrentDBClient, query: Read
) -> AsyncGenerator[RecordedEvent, None]:
    """Yield what is wanted from the upper end down; the bound of a read backwards is excluded."""
    start = query.before
    if query.until is not None and (query.before is None or query.until < query.before):
        if query.until <= 0:
            return
        async with aclosing(_from(client, query, query.until, backwards=False)) as there:
            async for event in there:
                if event.position == query.until:
                    yield event
                break
        start = query.until
    if start is not None and start <= 0:
        return
    async with aclosing(_from(client, query, start, backwards=True)) as events:
        async for event in events:
            yield event


async def _from(
    client: AsyncKurrentDBClient, query: Read, position: int | None, *, backwards: bool
) -> AsyncGenerator[RecordedEvent, None]:
    """Yield events from *position* on that the server's own filter lets through.

    Servers know only positions at which an event begins. For any other all is read from the end of
    the log at which the read begins, and what lies before *position* is left out by the caller.
    """
    try:
        async with aclosing(_known(client, query, position, backwards=backwards)) as events:
            async for event in events:
                yield event
    except KurrentDBClientError as error:
        if position is None or "InvalidPosition" not in str(error):
            raise
        async with aclosing(_known(client, query, None, backwards=backwards)) as events:
            async for event in events:
                yield event


async def _known(
    client: AsyncKurrentDBClient, query: Read, position: int | None, *, backwards: bool
) -> AsyncGenerator[RecordedEvent, None]:
    """Yield events from a *position* that the server knows; asks for no more than may be wanted."""
    filtered = _filter_of(query)
    # One more than is wanted tells the end; and the event at a position comes again, forwards.
    size = query.limit + 2
    last = position
    while True:
        response = await client.read_all(
            commit_position=last, backwards=backwards, limit=size, **filtered
        )
        count, newest = 0, last
        async with response:
            async for told in response:
                count += 1
                if told.commit_position != last or last == position:
                    yield recorded(told)
                newest = told.commit_position
        if count < size:
            return
        last = newest


class _Filter(TypedDict):
    filter_include: Sequence[str]
    filter_exclude: Sequence[str]
    filter_by_stream_name: bool


def _filter_of(query: Read) -> _Filter:
    """Return what the server itself can leave out."""
    if query.category is not None:
        include = [f"{re.escape(query.category)}(-.*)?"]
        return _Filter(filter_include=include, filter_exclude=(), filter_by_stream_name=True)
    if query.types:
        include = [re.escape(name) for name in query.types]
        return _Filter(filter_include=include, filter_exclude=(), filter_by_stream_name=False)
    return _Filter(filter_include=(), filter_exclude=PLENTIFUL, filter_by_stream_name=True)

"""Finding events by id, along the index, and by words in their metadata, along the log."""

from __future__ import annotations

from typing import Final, cast

import apsw

from backstory.core.events import RecordedEvent
from backstory.core.read import MAX_PAGE_BYTES
from backstory.core.store import Sought
from backstory.stores.sqlite import statements as sql
from backstory.stores.sqlite.queries import Row

_FIND: Final = f"{sql.ROW} WHERE e.id = ? ORDER BY e.position LIMIT 1"
_WORD: Final = "instr(e.metadata, ?)"


def find_event(connection: apsw.Connection, event_id: bytes) -> RecordedEvent | None:
    """Return the earliest event with this id, None without one."""
    for row in connection.execute(_FIND, (event_id,)):
        return RecordedEvent(*cast("Row", row))
    return None


def search_page(connection: apsw.Connection, sought: Sought) -> list[RecordedEvent]:
    """Return the page of what is *sought*, cut at its limit or at about `MAX_PAGE_BYTES`."""
    words = [word for word in sought.words if word.encode(errors="ignore").decode() == word]
    page: list[RecordedEvent] = []
    if not words:  # none that could be stored
        return page
    statement = (
        f"{sql.ROW} WHERE e.position > ? AND e.position <= ?"
        f" AND ({' OR '.join([_WORD] * len(words))})"
        f" ORDER BY e.position {'DESC' if sought.newest_first else 'ASC'} LIMIT ?"
    )
    values = (sought.after, sought.until, *words, sought.limit)
    size = 0
    for row in connection.execute(statement, values):
        event = RecordedEvent(*cast("Row", row))
        page.append(event)
        size += len(event.data) + len(event.metadata)
        if size >= MAX_PAGE_BYTES:
            break
    return page

"""Where the search field leads: to an event, a stream, or to what fits a filter."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from backstory.core.errors import InvalidInput
from backstory.core.read import Read
from backstory.dashboard.asking import Ask
from backstory.explore.filters import EventFilter, parse_filter


async def jump(ask: Ask) -> str:
    """Return the address of what `to` names.

    A number is a position, a UUID an event's id (or a correlation), a name of a stream that is
    there that stream; a filter with a key is one, and anything else begins the name of streams.
    """
    wanted = ask.text("to").strip()
    if not wanted:
        return ask.to.page("/streams")
    if wanted.isdecimal() and wanted.isascii():
        return ask.to.page(f"/events/{wanted}")
    with suppress(ValueError):
        return ask.to.page(f"/events/{UUID(wanted)}")
    if await ask.store.read(Read(stream=wanted, limit=1)):
        return ask.to.stream(wanted)
    return _by_filter(ask, wanted)


def _by_filter(ask: Ask, wanted: str) -> str:
    try:
        said = parse_filter(wanted)
    except InvalidInput:  # the page of the events tells why
        return ask.to.page("/events", filter=wanted)
    if said != EventFilter(words=said.words):
        return ask.to.events(said)
    return ask.to.page("/streams", prefix=wanted)

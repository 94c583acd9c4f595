"""Hostile input: refused with a clear error and without a trace, or kept exactly."""

from __future__ import annotations

from typing import cast

import pytest

from backstory.core.errors import (
    AppendTooLarge,
    EventTooLarge,
    InvalidEvent,
    InvalidInput,
    InvalidName,
)
from backstory.core.events import NewEvent
from backstory.core.expected import NO_STREAM, Expected
from backstory.core.names import (
    MAX_APPEND_BYTES,
    MAX_APPEND_EVENTS,
    MAX_EVENT_BYTES,
    MAX_NAME_BYTES,
)
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import all_of, fact, facts, unchanged

REFUSED_NAMES = {
    "empty": "",
    "blank": " \u00a0",
    "whole log": "$all",
    "NUL": "user-\0",
    "line break": "user-1\n",
    "escape": "user-\x1b[31m",
    "right-to-left override": "user-\u202egnp.exe",
    "right-to-left mark": "user-\u200f1",
    "zero-width space": "user\u200b-1",
    "byte order mark": "\ufeffuser-1",
    "lone surrogate": "user-\ud800",
    "4 KB": "x" * 4096,
    "a byte too long": "é" * (MAX_NAME_BYTES // 2) + "x",
}
KEPT_NAMES = (
    *("user/1", "..", "../../etc/passwd", "./user", "C:\\temp", "~", "user.db", "-", "--", "user-"),
    *("a b", "'; DROP TABLE events; --", '"', "%", "_", "*", "?", "user?x=1#y", "$ce-user", "NULL"),
    *("user-1", "User-1", "USER-1", "user-01", "user-1 ", "user-é", "user-e\u0301", "👩‍👩‍👧"[:1]),
    *("用户-1", "مستخدم-1", "0", "1e3", "x" * MAX_NAME_BYTES, "é" * (MAX_NAME_BYTES // 2)),
)
NO_NAMES = (None, 7, b"user-1", ["user-1"], ("user-1",))
NO_EXPECTATIONS = (-1, -2, True, False, 1.0, "any", None, b"0")
NO_EVENTS: tuple[object, ...] = (
    [],
    (),
    "events",
    ["event"],
    [None],
    [{"type": "x"}],
    [b"{}"],
    None,
    7,
)


class InputRefusedTopic(Topic):
    """What no store takes, and what every store must."""

    @pytest.mark.parametrize("name", REFUSED_NAMES.values(), ids=REFUSED_NAMES)
    async def test_a_misleading_stream_name_is_refused(self, store: EventStore, name: str) -> None:
        """Names that hide, reorder or overflow are refused and create nothing."""
        async with unchanged(store):
            with pytest.raises(InvalidName):
                await store.append(name, [fact()])

    @pytest.mark.parametrize("name", NO_NAMES, ids=repr)
    async def test_a_stream_name_that_is_no_text_is_refused(
        self, store: EventStore, name: object
    ) -> None:
        """Only text names a stream."""
        async with unchanged(store):
            with pytest.raises(InvalidName):
                await store.append(cast("str", name), [fact()])

    async def test_every_other_name_is_kept_exactly(self, store: EventStore) -> None:
        """Slashes, dots, quotes, every alphabet round-trip; no two names are taken for one."""
        for name in KEPT_NAMES:
            await store.append(name, [fact()], expected=NO_STREAM)
        assert [event.stream for event in await all_of(store)] == list(KEPT_NAMES)
        for position, name in enumerate(KEPT_NAMES, start=1):
            [only] = await all_of(store, Read(stream=name))
            assert (only.stream, only.position) == (name, position)

    async def test_every_other_event_type_is_kept_exactly(self, store: EventStore) -> None:
        """Event types are as free as stream names, and filter exactly."""
        await store.append("user-1", [fact(kind=name) for name in KEPT_NAMES])
        assert [event.type for event in await all_of(store)] == list(KEPT_NAMES)
        for position, name in enumerate(KEPT_NAMES, start=1):
            [only] = await all_of(store, Read(types=(name,)))
            assert (only.type, only.position) == (name, position)

    @pytest.mark.parametrize("expected", NO_EXPECTATIONS, ids=repr)
    async def test_an_expectation_that_is_none_is_refused(
        self, store: EventStore, expected: object
    ) -> None:
        """Only the named states and revisions from 0 up are expectations."""
        await store.append("user-1", facts(2))
        async with unchanged(store):
            with pytest.raises(InvalidInput):
                await store.append("user-1", [fact()], expected=cast("Expected", expected))

    @pytest.mark.parametrize("batch", NO_EVENTS, ids=repr)
    async def test_an_append_of_anything_but_events_is_refused(
        self, store: EventStore, batch: object
    ) -> None:
        """No events, and things that are no events, write nothing."""
        async with unchanged(store):
            with pytest.raises((InvalidInput, TypeError)):
                await store.append("user-1", cast("list[NewEvent]", batch))

    async def test_one_bad_event_refuses_the_whole_append(self, store: EventStore) -> None:
        """Good events beside a bad one are not written either."""
        batch = cast("list[NewEvent]", [*facts(3), "not an event"])
        async with unchanged(store):
            with pytest.raises(InvalidEvent):
                await store.append("user-1", batch)

    async def test_one_id_twice_in_an_append_is_refused(self, store: EventStore) -> None:
        """Each event of an append has an id of its own."""
        first, second = facts(2)
        async with unchanged(store):
            with pytest.raises(InvalidEvent):
                await store.append("user-1", [first, second, first])

    async def test_too_many_events_at_once_are_refused(self, store: EventStore) -> None:
        """One event over the limit refuses the append, and the error says both numbers."""
        async with unchanged(store):
            with pytest.raises(AppendTooLarge) as caught:
                await store.append("user-1", facts(MAX_APPEND_EVENTS + 1))
        said = (caught.value.size, caught.value.limit, caught.value.unit)
        assert said == (MAX_APPEND_EVENTS + 1, MAX_APPEND_EVENTS, "events")

    async def test_too_many_bytes_at_once_are_refused(self, store: EventStore) -> None:
        """Events that are fine one by one may be too much together."""
        document = b'"' + b"x" * (MAX_APPEND_BYTES // 5) + b'"'
        async with unchanged(store):
            with pytest.raises(AppendTooLarge) as caught:
                await store.append("user-1", [NewEvent("large", document) for _ in range(5)])
        assert caught.value.unit == "bytes"

    async def test_the_largest_event_is_kept_and_a_larger_one_refused(
        self, store: EventStore
    ) -> None:
        """An event of just under 16 MiB comes back byte for byte; 16 MiB cannot even be made."""
        document = b'"' + b"x" * (MAX_EVENT_BYTES - 4) + b'"'
        await store.append("user-1", [NewEvent("large", document)])
        [kept] = await all_of(store)
        assert kept.data == document
        async with unchanged(store):
            with pytest.raises(EventTooLarge):
                await store.append("user-1", [NewEvent("large", document + b" ")])

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
    async def test_a_number_without_json_is_refused(self, store: EventStore, number: float) -> None:
        """NaN and infinity never turn into null on their way in."""
        async with unchanged(store):
            with pytest.raises(InvalidEvent):
                await store.append("user-1", [NewEvent.of("measured", {"value": [number]})])
            with pytest.raises(InvalidEvent):
                await store.append("user-1", [NewEvent("measured", str(number).encode())])

    @pytest.mark.parametrize("name", [*REFUSED_NAMES.values(), "missing"], ids=ascii)
    async def test_reading_a_name_that_cannot_exist_gives_nothing(
        self, store: EventStore, name: str
    ) -> None:
        """A read of any text is answered; what does not exist is empty."""
        await store.append("user-1", facts(2))
        assert await store.read(Read(stream=name)) == []
        assert await store.read(Read(category=name)) == []
        assert await store.read(Read(types=(name,))) == []
        assert await store.read(Read(category="user", types=(name, name))) == []

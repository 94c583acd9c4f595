"""Listing names: streams, categories and types, in order, page by page."""

from __future__ import annotations

from typing import Final, cast

import pytest

from backstory.core.errors import InvalidRead
from backstory.core.listing import Listing, NameEnds, Names, StreamEnds
from backstory.core.read import MAX_LIMIT
from backstory.core.retaining import TOMBSTONE_REVISION, Retaining
from backstory.core.store import EventStore, Power
from backstory.testing.contract.powers import requires
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import append_each, fact

HOSTILE: Final = ["100%", "a_b", "a*b", "it's", 'a"b', "a-\\", "zürich-1", "😀-1", "😀", "Z-1", "ä"]


async def streams_of(store: EventStore, **wanted: object) -> list[str]:
    """Return the names of one page of streams."""
    names = Names(**wanted)  # type: ignore[arg-type]  # by name
    return [ends.stream for ends in await cast("Listing", store).streams(names)]


@requires(Power.LISTED)
class ListingNamesTopic(Topic):
    """What is listed, in which order, and how it goes on."""

    async def test_an_empty_store_lists_nothing(self, store: EventStore) -> None:
        """And speaks the protocol."""
        assert isinstance(store, Listing)
        for ask in (store.streams, store.categories, store.types):
            assert list(await ask(Names())) == []

    async def test_a_stream_is_listed_by_its_ends(self, store: EventStore) -> None:
        """Its oldest and newest revision, and where and when the newest was recorded."""
        assert isinstance(store, Listing)
        for stream in ("user-2", "user-1", "user-2"):
            await append_each(store, stream, 2)
        [one, two] = await store.streams(Names())
        assert (one.stream, one.first_revision, one.revision, one.position) == ("user-1", 0, 1, 4)
        assert (two.stream, two.first_revision, two.revision, two.position) == ("user-2", 0, 3, 6)
        assert isinstance(one, StreamEnds)
        assert one.recorded_at.tzinfo is not None

    async def test_categories_and_types_are_listed_by_their_ends(self, store: EventStore) -> None:
        """The positions of their oldest and newest event."""
        assert isinstance(store, Listing)
        for stream, kind in (("b-1", "y"), ("a-1", "x"), ("b-2", "x"), ("plain", "y")):
            await store.append(stream, [fact(kind=kind)])
        assert await store.categories(Names()) == [
            NameEnds("a", 2, 2),
            NameEnds("b", 1, 3),
            NameEnds("plain", 4, 4),
        ]
        assert await store.types(Names()) == [NameEnds("x", 2, 3), NameEnds("y", 1, 4)]

    async def test_names_come_in_the_order_of_their_bytes(self, store: EventStore) -> None:
        """Whatever the language of the machine or of the database."""
        for name in HOSTILE:
            await store.append(name, [fact(kind=name)])
        by_bytes = sorted(HOSTILE, key=str.encode)
        assert await streams_of(store) == by_bytes
        assert isinstance(store, Listing)
        assert [ends.name for ends in await store.types(Names())] == by_bytes

    async def test_a_prefix_is_no_pattern(self, store: EventStore) -> None:
        """Each of its signs stands for itself, in its own case."""
        for name in (*HOSTILE, "aXb", "1000", "A-1", "user-1", "user-2", "users-1"):
            await store.append(name, [fact()])
        assert await streams_of(store, prefix="a_") == ["a_b"]
        assert await streams_of(store, prefix="100%") == ["100%"]
        assert await streams_of(store, prefix="user") == ["user-1", "user-2", "users-1"]
        assert await streams_of(store, prefix="user-") == ["user-1", "user-2"]
        assert await streams_of(store, prefix="😀") == ["😀", "😀-1"]
        assert await streams_of(store, prefix="nobody") == []
        assert await streams_of(store, prefix="\ud800") == []
        assert await streams_of(store, prefix="a\0") == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 10])
    async def test_pages_join_without_a_gap(self, store: EventStore, limit: int) -> None:
        """Each goes on behind the last name of the one before."""
        names = [f"user-{number:02}" for number in range(7)]
        for number, name in enumerate(names):
            await append_each(store, name, 1 + number % 3)
        for prefix, wanted in (("", names), ("user-0", names), ("user-05", names[5:6])):
            listed: list[str] = []
            after: str | None = None
            while page := await streams_of(store, prefix=prefix, after=after, limit=limit):
                listed += page
                after = page[-1]
                if len(page) < limit:
                    break
            assert listed == wanted
        assert await streams_of(store, prefix="user-05", after="a") == ["user-05"]
        assert await streams_of(store, prefix="user-05", after="user-05") == []
        assert await streams_of(store, prefix="a", after="user-05") == []

    async def test_a_page_is_as_long_as_a_read_may_be(self, store: EventStore) -> None:
        """And no longer; names are text."""
        assert await streams_of(store, limit=MAX_LIMIT) == []
        for wrong in ({"limit": 0}, {"limit": MAX_LIMIT + 1}, {"prefix": 1}, {"after": b"a"}):
            with pytest.raises(InvalidRead):
                await streams_of(store, **wrong)

    @requires(Power.RETAINING)
    async def test_what_is_erased_or_ended_is_listed_as_it_stands(self, store: EventStore) -> None:
        """By what is left of it."""
        assert isinstance(store, Listing)
        assert isinstance(store, Retaining)
        await append_each(store, "user-1", 3)
        await store.append("order-1", [fact(kind="gone"), fact(kind="left")])
        await store.erase("user-1", before=2)
        await store.erase("order-1", before=1)
        await store.tombstone("user-2")
        order, user, ended = await store.streams(Names())
        assert (order.first_revision, order.revision) == (1, 1)
        assert (user.first_revision, user.revision, user.position) == (2, 2, 3)
        assert (ended.first_revision, ended.revision) == (TOMBSTONE_REVISION, TOMBSTONE_REVISION)
        assert [ends.name for ends in await store.types(Names())] == [
            "$streamDeleted",
            "counted",
            "left",
        ]
        assert await store.categories(Names(limit=1)) == [NameEnds("order", 5, 5)]

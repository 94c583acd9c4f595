"""Blaming states: the event that changed what is at a path."""

from __future__ import annotations

import msgspec
import pytest

from backstory.application import Application
from backstory.core.errors import InvalidInput, InvalidSetting
from backstory.core.history import History
from backstory.domain.decider import Decider
from backstory.stores.memory import MemoryStore
from backstory.timemachine.blaming.states import blame_path
from backstory.timemachine.diffing.paths import MISSING
from tests.unit.timemachine.blaming.shop import (
    Added,
    Dropped,
    Named,
    Priced,
    Tagged,
    happened,
    schema,
)


class Thing(msgspec.Struct, frozen=True):
    """What a stream comes to."""

    name: str
    price: int
    tags: list[str]


class Gone(msgspec.Struct, frozen=True):
    """What it comes to in the end."""

    name: str


def evolve(thing: Thing | Gone | None, event: object) -> Thing | Gone | None:
    """Fold, and add to a list in place, which one should not."""
    match thing, event:
        case _, Added(name, price):
            return Thing(name, price, [])
        case Thing(), Priced(_, price):
            return msgspec.structs.replace(thing, price=price)
        case Thing(), Tagged(_, tags):
            thing.tags.extend(tags)
        case Thing(name), Dropped():
            return Gone(name)
    return thing


THING: Decider[object, object, Thing | Gone | None] = Decider(
    initial=None, decide=lambda _, __: (), evolve=evolve
)
application = Application(name="shop", schema=schema, deciders={"thing": THING})


async def a_history(store: MemoryStore) -> History:
    """Return a history of one thing."""
    return await happened(
        store,
        Added("a", 1),
        Priced("a", 2),
        Tagged("a", ["x", "y"]),
        Priced("a", 2),
        Named("a", "b"),
        Dropped("a"),
    )


async def positions(history: History, path: str, at: int, *, every: bool = False) -> list[int]:
    """Return the positions of the events to blame."""
    found = await blame_path(application, history, "thing-1", path, at, every=every)
    return [each.event.position for each in found]


async def test_the_last_event_that_changed_it_is_to_blame(store: MemoryStore) -> None:
    """Not the last that was folded; and of a list the item that is meant."""
    history = await a_history(store)
    assert await positions(history, "price", 5) == [2]
    assert await positions(history, "tags[1]", 5) == [3]
    assert await positions(history, "name", 6) == [1]
    assert await positions(history, "price", 6) == [6]
    assert await positions(history, "__class__", 6) == [6]
    assert await positions(history, "", 5) == [3]


async def test_every_change_is_told_newest_first_with_its_values(store: MemoryStore) -> None:
    """And with the function that folded it."""
    history = await a_history(store)
    found = await blame_path(application, history, "thing-1", "price", 6, every=True)
    assert [(each.before, each.after) for each in found] == [(2, MISSING), (1, 2), (MISSING, 1)]
    [place] = {each.place for each in found}
    assert place is not None
    assert (place.function, place.source[:11]) == ("evolve", "def evolve(")


@pytest.mark.parametrize(("path", "at"), [("nowhere", 6), ("tags[7]", 5), ("price", 0)])
async def test_what_never_was_has_nobody_to_blame(store: MemoryStore, path: str, at: int) -> None:
    """The answer is empty."""
    assert await positions(await a_history(store), path, at, every=True) == []


async def test_mistakes_are_told(store: MemoryStore) -> None:
    """A stream that nothing folds, and what is no path."""
    history = await a_history(store)
    with pytest.raises(InvalidSetting, match="no decider for 'other-1'; it has thing-"):
        await blame_path(application, history, "other-1", "price", 6)
    with pytest.raises(InvalidInput, match="no path"):
        await positions(history, "price[", 6)

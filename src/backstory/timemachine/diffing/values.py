"""What is another in one value than in an earlier one, path by path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from enum import Enum
from itertools import zip_longest
from typing import Final

import msgspec

from backstory.timemachine.diffing.parts import (
    CLASS,
    Fields,
    Items,
    Leaf,
    Members,
    parts_of,
    plain,
    text_of,
)
from backstory.timemachine.diffing.paths import MISSING, with_index, with_member, with_name

_MOST_ALIGNED: Final = 2_000
"""Items of a list, beyond what both begin and end with, that are searched for elsewhere in it."""


class Change(Enum):
    """What happened to a value or a row."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class PathChange(msgspec.Struct, frozen=True):
    """One difference: where, and the values as JSON has them; None on the side without one.

    The empty path is the whole value.
    """

    path: str
    kind: Change
    before: object
    after: object


def diff_values(before: object, after: object) -> Sequence[PathChange]:
    """Return how *after* differs from *before*, the smallest parts that do, in their order.

    Lists are aligned by the longest run of items that both have, so that one item more at the
    front is one addition. What is left between such runs is compared item by item. The path of
    what was removed counts in the list before, every other in the list after. From 2,000 items
    that are new on, lists are compared item by item. Sets have no order.

    An object whose class is another is a change of `__class__`. A number is the same as an integer
    and as a float; a boolean is no number.
    """
    return tuple(_differences("", before, after))


def _differences(path: str, before: object, after: object) -> Iterator[PathChange]:
    if before is MISSING:
        yield PathChange(path, Change.ADDED, None, plain(after))
        return
    if after is MISSING:
        yield PathChange(path, Change.REMOVED, plain(before), None)
        return
    old, new = parts_of(before), parts_of(after)
    if isinstance(old, Fields) and isinstance(new, Fields):
        yield from _of_fields(path, old, new)
    elif isinstance(old, Items) and isinstance(new, Items):
        yield from _of_items(path, old.values, new.values)
    elif isinstance(old, Members) and isinstance(new, Members):
        yield from _of_members(path, old, new)
    elif not (isinstance(old, Leaf) and isinstance(new, Leaf) and _same(old.value, new.value)):
        yield PathChange(path, Change.CHANGED, plain(before), plain(after))


def _same(before: object, after: object) -> bool:
    if isinstance(before, bool) is not isinstance(after, bool):
        return False
    return before == after or (before != before and after != after)  # noqa: PLR0124 - how NaN is known


def _of_fields(path: str, old: Fields, new: Fields) -> Iterator[PathChange]:
    if old.kind != new.kind:
        yield PathChange(with_name(path, CLASS), Change.CHANGED, old.kind or None, new.kind or None)
    for name in dict.fromkeys([*old.values, *new.values]):
        before, after = old.values.get(name, MISSING), new.values.get(name, MISSING)
        yield from _differences(with_name(path, name), before, after)


def _of_members(path: str, old: Members, new: Members) -> Iterator[PathChange]:
    for member in sorted(old.values.keys() ^ new.values.keys()):
        before, after = old.values.get(member, MISSING), new.values.get(member, MISSING)
        yield from _differences(with_member(path, member), before, after)


def _of_items(path: str, old: list[object], new: list[object]) -> Iterator[PathChange]:
    for low, high, new_low, new_high in _unlike(old, new):
        pairs = zip_longest(range(low, high), range(new_low, new_high))
        for at, new_at in pairs:
            before = MISSING if at is None else old[at]
            after = MISSING if new_at is None else new[new_at]
            place = at if new_at is None else new_at
            yield from _differences(with_index(path, place or 0), before, after)


def _unlike(old: list[object], new: list[object]) -> Iterator[tuple[int, int, int, int]]:
    """Yield from where to where the two differ."""
    olds, news = [text_of(item) for item in old], [text_of(item) for item in new]
    begin = 0
    while begin < min(len(olds), len(news)) and olds[begin] == news[begin]:
        begin += 1
    end = 0
    while end < min(len(olds), len(news)) - begin and olds[-1 - end] == news[-1 - end]:
        end += 1
    olds, news = olds[begin : len(olds) - end], news[begin : len(news) - end]
    if max(len(olds), len(news)) > _MOST_ALIGNED:
        yield begin, begin + len(olds), begin, begin + len(news)
        return
    for tag, low, high, new_low, new_high in SequenceMatcher(
        None, olds, news, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            yield begin + low, begin + high, begin + new_low, begin + new_high

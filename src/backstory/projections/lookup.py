"""Finding single rows for many callers at once: one query answers all who ask meanwhile.

A query is short, yet it costs a trip to the database, or hands the interpreter's lock to another
thread that has to give it back; either costs several times what finding one more row does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from sqlalchemy import ARRAY, ColumnElement, Executable, Select, any_, bindparam

from backstory.core.errors import InvalidInput
from backstory.projections.database import Values

Asking: TypeAlias = asyncio.Future[Values | None]
Fetch: TypeAlias = Callable[[Sequence[object]], Awaitable[Sequence[Values]]]

_KEY: Final = "backstory_key"
_KEYS: Final = "backstory_keys"
_SOME: Final = tuple(f"backstory_key_{number}" for number in range(16))

AT_ONCE: Final = 2
"""Queries under way for one lookup; while one is answered, the next gathers its callers."""


class Lookup:
    """A question about one row, asked by the value of a column that no two rows share.

        find_user = Lookup(select(user.c.username, user.c.full_name), key=user.c.username)

    Hold it in a constant. *query* names no key; *key* is one of the columns it selects, whose
    values are equal in Python where they are equal in the database. Raises `InvalidInput` when the
    query does not select the key.
    """

    def __init__(self, query: Select[*tuple[object, ...]], *, key: ColumnElement[object]) -> None:
        """Ask *query* where *key* is the value asked for."""
        selected = list(query.selected_columns)
        places = [place for place, column in enumerate(selected) if column is key]
        if not places:
            message = f"the query does not select its key {key}; add it to the columns"
            raise InvalidInput(message)
        self.place: int = places[0]
        self.of_one: Executable = query.where(key == bindparam(_KEY, type_=key.type))
        some = [bindparam(name, type_=key.type) for name in _SOME]
        self.of_some: Executable = query.where(key.in_(some))
        many = bindparam(_KEYS, type_=ARRAY(key.type))
        self.of_many: Executable = query.where(key == any_(many))


def one(key: object) -> Mapping[str, object]:
    """Return the parameters of `Lookup.of_one`."""
    return {_KEY: key}


def some(keys: Sequence[object]) -> Iterator[Mapping[str, object]]:
    """Yield the parameters of `Lookup.of_some`, as often as it takes."""
    for first in range(0, len(keys), len(_SOME)):
        part = keys[first : first + len(_SOME)]
        # The same statement whatever the number of keys: the last one fills the rest.
        filled = [*part, *[part[-1]] * (len(_SOME) - len(part))]
        yield dict(zip(_SOME, filled, strict=True))


def many(keys: Sequence[object]) -> Mapping[str, object]:
    """Return the parameters of `Lookup.of_many`."""
    return {_KEYS: list(keys)}


class Gathering:
    """Callers of one lookup in one event loop, and the queries that answer them.

    Every answer is read after it was asked for.
    """

    def __init__(self, lookup: Lookup, fetch: Fetch) -> None:
        """Answer with *fetch*, which returns the rows of some keys."""
        self._place = lookup.place
        self._fetch = fetch
        self._asked: dict[object, list[Asking]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0

    async def find(self, key: object) -> Values | None:
        """Return the row of *key*, None when there is none; raises what the query raises."""
        if self._under_way < AT_ONCE and not self._asked:
            # It begins when everything that is ready to run now, other callers too, has run.
            self._under_way += 1
            task = asyncio.create_task(self._answer())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        asking: Asking = asyncio.get_running_loop().create_future()
        self._asked.setdefault(key, []).append(asking)
        return await asking

    async def _answer(self) -> None:
        try:
            while self._asked:
                await self._answer_all()
        finally:
            self._under_way -= 1

    async def _answer_all(self) -> None:
        asked, self._asked = self._asked, {}
        try:
            found = await self._found(list(asked))
        except Exception as error:  # noqa: BLE001 - belongs to those who asked
            for asking in _waiting(asked.values()):
                asking.set_exception(error)
        else:
            for key, askings in asked.items():
                row = found.get(key)
                for asking in _waiting([askings]):
                    asking.set_result(row)

    async def _found(self, keys: Sequence[object]) -> Mapping[object, Values]:
        rows = await self._fetch(keys)
        if len(keys) == 1:
            return {keys[0]: rows[0]} if rows else {}
        return {row[self._place]: row for row in rows}


def _waiting(asked: Iterable[Sequence[Asking]]) -> Iterator[Asking]:
    """Yield who still waits: a caller that hung up does not."""
    return (asking for askings in asked for asking in askings if not asking.done())

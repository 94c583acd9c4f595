"""Finding users for many callers at once: one query answers all who ask in the same moment.

A query is short, yet each one hands the interpreter's lock to the thread that takes requests in and
has to get it back, which costs several times what the query does. Callers who ask in the same turn
of the event loop share one; under load that doubles what a process answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from backstory import ReadModel
from backstory.demo.projection import MOST_AT_ONCE, find_user, find_users
from backstory.demo.users import Found

Asking = asyncio.Future[Found | None]


class Finder:
    """Finds users by name in a read model; every answer is read after it was asked for."""

    def __init__(self, read_model: ReadModel, into: Callable[..., Found]) -> None:
        """Ask *read_model*, and make a `Found` of the columns of `find_user` with *into*."""
        self._read_model = read_model
        self._into = into
        self._asked: dict[str, list[Asking]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def find(self, username: str) -> Found | None:
        """Return the user, None when there is none; raises what `ReadModel.one` raises."""
        if not self._asked:
            # It begins when everything that is ready to run now, other callers too, has run.
            task = asyncio.create_task(self._answer())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        asking: Asking = asyncio.get_running_loop().create_future()
        self._asked.setdefault(username, []).append(asking)
        return await asking

    async def _answer(self) -> None:
        asked, self._asked = self._asked, {}
        names = list(asked)
        for first in range(0, len(names), MOST_AT_ONCE):
            some = names[first : first + MOST_AT_ONCE]
            try:
                found = await self._found(some)
            except Exception as error:  # noqa: BLE001 - belongs to those who asked
                for asking in _waiting(asked, some):
                    asking.set_exception(error)
            else:
                for name in some:
                    for asking in _waiting(asked, [name]):
                        asking.set_result(found.get(name))

    async def _found(self, names: Sequence[str]) -> Mapping[str, Found]:
        if len(names) == 1:
            one = await self._read_model.one(find_user, {"of_user": names[0]}, into=self._into)
            return {} if one is None else {one.view.username: one}
        # The same statement whatever the number of names: the last one fills the rest.
        filled = [*names, *[names[-1]] * (MOST_AT_ONCE - len(names))]
        given = {f"user_{number}": name for number, name in enumerate(filled)}
        rows = await self._read_model.all(find_users, given, into=self._into)
        return {found.view.username: found for found in rows}


def _waiting(asked: Mapping[str, Sequence[Asking]], names: Sequence[str]) -> Iterator[Asking]:
    """Yield who still waits for *names*: a caller that hung up does not."""
    return (asking for name in names for asking in asked[name] if not asking.done())

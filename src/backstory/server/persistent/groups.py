"""All groups of a node: created, changed and deleted here, and run while they have consumers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from backstory.core.expected import WrongExpectedRevision
from backstory.server.node import Node
from backstory.server.persistent.failures import does_not_exist, exists
from backstory.server.persistent.running import RunningGroup
from backstory.server.persistent.settings import FilterSpec, GroupConfig
from backstory.server.persistent.storage import load_config, save_config
from backstory.server.reading.filters import EventFilter, made

_ATTEMPTS: Final = 10

_Configs = tuple[GroupConfig, ...]


class Groups:
    """The groups of a node's store, which the store itself remembers.

    Another server on the same store may change them, so they are read whenever they are asked for.
    A group is served by the server that its consumers are connected to: several servers at once
    would each deliver everything.
    """

    def __init__(self, node: Node) -> None:
        """Run groups for *node*."""
        self._node = node
        self._running: dict[str, RunningGroup] = {}
        self._changing = asyncio.Lock()

    async def all(self, source: str | None = None) -> list[RunningGroup]:
        """Return every group there is, or those of *source*. They may not be running."""
        async with self._changing:
            configs = (await load_config(self._node.store))[1]
            return [await self._of(c) for c in configs if source in {None, c.source}]

    async def find(self, source: str, group: str) -> RunningGroup:
        """Return a group; raises `Failure` when it does not exist. It may not be running."""
        async with self._changing:
            for config in (await load_config(self._node.store))[1]:
                if (config.source, config.group) == (source, group):
                    return await self._of(config)
        raise does_not_exist(source, group)

    async def _of(self, config: GroupConfig) -> RunningGroup:
        running = self._running.get(config.id)
        if running is not None and running.config == config:
            return running
        await self._stop(config.id)  # another server has changed it
        wanted = None if config.filter is None else _wanted(config.filter)
        running = self._running[config.id] = RunningGroup(self._node, config, wanted)
        return running

    async def create(self, config: GroupConfig) -> None:
        """Add a group; raises `Failure` when it exists."""

        def added(groups: _Configs) -> _Configs:
            if any(group.id == config.id for group in groups):
                raise exists(config.source, config.group)
            return (*groups, config)

        async with self._changing:
            await self._change(added)

    async def update(
        self, source: str, group: str, change: Callable[[GroupConfig], GroupConfig]
    ) -> None:
        """Change a group and drop its consumers; raises `Failure` when it does not exist."""

        def changed(groups: _Configs) -> _Configs:
            _check_exists(groups, source, group)
            return tuple(
                change(one) if (one.source, one.group) == (source, group) else one for one in groups
            )

        async with self._changing:
            await self._change(changed)
            await self._stop(f"{source}::{group}")

    async def delete(self, source: str, group: str) -> None:
        """Remove a group and drop its consumers; raises `Failure` when it does not exist."""

        def removed(groups: _Configs) -> _Configs:
            _check_exists(groups, source, group)
            return tuple(one for one in groups if (one.source, one.group) != (source, group))

        found = await self.find(source, group)
        async with self._changing:
            await self._change(removed)
            await self._stop(found.config.id)
        await found.forget()

    async def close(self) -> None:
        """Stop every group; consumers are dropped, progress is written down."""
        async with self._changing:
            for group_id in list(self._running):
                await self._stop(group_id)

    async def _stop(self, group_id: str) -> None:
        running = self._running.pop(group_id, None)
        if running is not None:
            await running.close()

    async def _change(self, change: Callable[[_Configs], _Configs]) -> None:
        for attempt in range(_ATTEMPTS):
            expected, groups = await load_config(self._node.store)
            try:
                await save_config(self._node.store, expected, change(groups))
            except WrongExpectedRevision:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return


def _check_exists(groups: _Configs, source: str, group: str) -> None:
    if not any((one.source, one.group) == (source, group) for one in groups):
        raise does_not_exist(source, group)


def _wanted(spec: FilterSpec) -> EventFilter:
    return made(by_type=spec.by_type, prefixes=spec.prefixes, pattern=spec.regex)

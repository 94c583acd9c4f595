"""A group at work: reads what it follows, feeds the engine, and writes down how far it has come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from backstory.core.errors import BackstoryError
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.server.failures import Failure
from backstory.server.node import Node
from backstory.server.persistent.engine import Consumer, Engine, Message, Outcome
from backstory.server.persistent.failures import dropped, too_many_subscribers
from backstory.server.persistent.progress import Progress
from backstory.server.persistent.settings import GroupConfig
from backstory.server.persistent.storage import GroupStorage
from backstory.server.reading.filters import EventFilter
from backstory.server.reading.links import plain, resolve_page
from backstory.server.reading.log import shown_in_all
from backstory.server.reading.views import view_of

_log: Final = logging.getLogger("backstory.server")

_TICK: Final = 0.25
"""Seconds between two looks for events that were not answered in time."""

_AFTER_AN_ERROR: Final = 1.0


class RunningGroup:
    """One group, from its first consumer until the server ends or the group is changed."""

    def __init__(self, node: Node, config: GroupConfig, wanted: EventFilter | None) -> None:
        """Serve the group *config*; *wanted* is the filter of one to `$all`."""
        self._node = node
        self.config: GroupConfig = config
        self._wanted = wanted
        self.engine: Engine = Engine(config.settings)
        self._storage = GroupStorage(node.store, config)
        self._progress = Progress(config.start)
        self._saved = config.start
        self._finished_since = 0
        self._saved_at = time.monotonic()
        self._room = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._parking: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()
        self._closed = False
        self._replayed: Progress | None = None
        self.parked_from: int = 0
        self.parked_last: int = -1

    @property
    def last_finished(self) -> int:
        """Return the key up to which everything is finished."""
        return self._progress.reached

    @property
    def last_known(self) -> int:
        """Return the last key that was read."""
        return self._progress.last

    @property
    def parked_count(self) -> int:
        """Return how many events are parked and wait for being replayed."""
        return max(0, self.parked_last + 1 - self.parked_from)

    @property
    def running(self) -> bool:
        """Return whether the group reads."""
        return bool(self._tasks)

    async def start(self) -> None:
        """Begin to read behind what is finished, unless that is under way.

        Raises `Failure` when the group was closed meanwhile: deleted, changed, or begun anew.
        """
        async with self._starting:
            if self._closed:
                raise dropped(self.config.source, self.config.group)
            if self._tasks:
                return
            checkpoint = await self._storage.checkpoint()
            self._progress = Progress(checkpoint)
            self._saved = checkpoint
            await self.load_parked()
            self._tasks = [
                asyncio.create_task(self._read()),
                asyncio.create_task(self._watch()),
            ]

    async def load_parked(self) -> None:
        """Find out what is parked."""
        self.parked_from, self.parked_last = await self._storage.parked()

    async def close(self) -> None:
        """Stop, drop the consumers, and write down how far the group has come."""
        async with self._starting:
            self._closed = True
            for consumer in list(self.engine.consumers):
                consumer.drop()
                self.leave(consumer)
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                task.cancel()
            if tasks or self._parking:
                await asyncio.wait([*tasks, *self._parking])
            if tasks:
                await self._save()

    async def forget(self) -> None:
        """Hide what the group has written down."""
        await self._storage.forget()

    async def join(self, consumer: Consumer) -> None:
        """Let *consumer* take part, in a group that begins to read with its first one.

        Raises `Failure` when as many as are allowed take part already, or the group was closed.
        """
        await self.start()
        most = self.config.settings.max_subscriber_count
        if 0 < most <= len(self.engine.consumers):  # no await until it is in: others come as well
            raise too_many_subscribers(self.config.source, self.config.group)
        self.engine.join(consumer)
        self._dispatch()

    def leave(self, consumer: Consumer) -> None:
        """Let *consumer* go, if it is there."""
        if consumer in self.engine.consumers:
            self.engine.leave(consumer)
            self._dispatch()

    def settle(self, outcome: Outcome) -> None:
        """Carry out what the engine has decided, and deliver what can now be delivered."""
        for message in outcome.finished:
            self._finish(message)
        for message, reason in outcome.parked:
            task = asyncio.create_task(self._park(message, reason))
            self._parking.add(task)
            task.add_done_callback(self._parking.discard)
        self._dispatch()

    async def replay(self, most: int | None) -> None:
        """Deliver what is parked once more, the *most* oldest of it (None: all)."""
        await self.start()
        first, last = self.parked_from, self.parked_last
        if most is not None:
            last = min(last, first + most - 1)
        if last < first:
            return
        self.parked_from = last + 1
        if self._replayed is None:
            self._replayed = Progress(first - 1)
        self._tasks.append(asyncio.create_task(self._replay(first, last)))

    def _dispatch(self) -> None:
        self.engine.dispatch(time.monotonic())
        if self.engine.buffered < self.config.settings.history_buffer_size:
            self._room.set()

    def _finish(self, message: Message) -> None:
        if message.key is not None:
            self._progress.finish(message.key)
        elif message.parked_at is not None and self._replayed is not None:
            self._replayed.finish(message.parked_at)
        self._finished_since += 1

    async def _park(self, message: Message, reason: str) -> None:
        while True:
            try:
                self.parked_last = await self._storage.park(message.delivery.original, reason)
            except BackstoryError as error:
                _log.warning("an event of %s cannot be parked: %s", self.config.id, error)
                await asyncio.sleep(_AFTER_AN_ERROR)
            else:
                self._finish(message)
                return

    async def _read(self) -> None:
        async with self._node.tail.followed():
            while True:
                try:
                    await self._read_on()
                except (BackstoryError, Failure) as error:
                    _log.warning("%s cannot be read: %s", self.config.id, error)
                    await asyncio.sleep(_AFTER_AN_ERROR)

    async def _read_on(self) -> None:
        """Read one page as soon as there is room for it, or wait for more."""
        while self.engine.buffered >= self.config.settings.history_buffer_size:
            self._room.clear()
            await self._room.wait()
        seen = self._node.tail.head
        page = await self._page()
        if page:
            await self._take(page)
        else:
            await self._node.tail.wait(seen)

    async def _page(self) -> Sequence[RecordedEvent]:
        limit = max(self.config.settings.read_batch_size, 1)
        query = Read(stream=self.config.stream, after=self._progress.last, limit=limit)
        if self.config.stream is None:
            return await self._node.store.read(query)
        view = view_of(self._node, self.config.stream)
        return await view.page(query, await view.standing())

    async def _take(self, page: Sequence[RecordedEvent]) -> None:
        if self.config.settings.resolve_links:
            deliveries = await resolve_page(self._node, page)
        else:
            deliveries = [plain(event) for event in page]
        messages: list[Message] = []
        for event, delivery in zip(page, deliveries, strict=True):
            key = event.position if self.config.stream is None else event.revision
            if self._matches(event):
                self._progress.begin(key)
                messages.append(Message(delivery, key))
            elif key < TOMBSTONE_REVISION:
                self._progress.pass_over(key)
                self._finished_since += 1
        self.engine.push(messages)
        self._dispatch()

    def _matches(self, event: RecordedEvent) -> bool:
        if self.config.stream is not None:
            return True
        return shown_in_all(event) and (self._wanted is None or self._wanted.matches(event))

    async def _replay(self, first: int, last: int) -> None:
        after = first - 1
        while after < last:
            page = await self._storage.parked_page(after, last, 100)
            if not page:
                break
            deliveries = await resolve_page(self._node, page)
            after = page[-1].revision
            self._push_replayed(page, [d.event for d in deliveries])
            while self.engine.buffered >= self.config.settings.history_buffer_size:
                self._room.clear()
                await self._room.wait()

    def _push_replayed(
        self, links: Sequence[RecordedEvent], events: Sequence[RecordedEvent | None]
    ) -> None:
        assert self._replayed is not None  # noqa: S101 - made before the first page is read
        messages: list[Message] = []
        for link, event in zip(links, events, strict=True):
            if event is None:  # erased meanwhile
                self._replayed.pass_over(link.revision)
                continue
            self._replayed.begin(link.revision)
            messages.append(Message(plain(event), None, parked_at=link.revision))
        self.engine.push(messages)
        self._dispatch()

    async def _watch(self) -> None:
        """Look for events that were not answered, and write progress down from time to time."""
        replayed_saved = -1
        while True:
            await asyncio.sleep(_TICK)
            self.settle(self.engine.expire(time.monotonic()))
            try:
                if self._due():
                    await self._save()
                if self._replayed is not None and self._replayed.reached > replayed_saved:
                    replayed_saved = self._replayed.reached
                    await self._storage.forget_parked(replayed_saved + 1)
            except BackstoryError as error:
                _log.warning("%s cannot write down its progress: %s", self.config.id, error)

    def _due(self) -> bool:
        settings = self.config.settings
        if self._progress.reached == self._saved:
            return False
        if self._finished_since >= settings.max_checkpoint_count > 0:
            return True
        elapsed = (time.monotonic() - self._saved_at) * 1000
        enough = self._finished_since >= settings.min_checkpoint_count
        return enough and 0 < settings.checkpoint_after_ms <= elapsed

    async def _save(self) -> None:
        reached = self._progress.reached
        self._saved_at, self._finished_since = time.monotonic(), 0
        if reached != self._saved:
            await self._storage.save_checkpoint(reached)
            self._saved = reached

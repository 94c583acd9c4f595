"""The same objects without `await`: for scripts, notebooks, Flask and Django.

A background thread runs an event loop; a blocking call hands its coroutine over and waits for the
answer. The signatures come from the async methods themselves, so the two cannot drift apart.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import update_wrapper
from types import TracebackType
from typing import Concatenate, Final, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from backstory.core.appending import StreamAppend
from backstory.core.errors import InvalidInput, StoreClosed
from backstory.core.events import Appended, RecordedEvent
from backstory.core.read import Read
from backstory.core.reading import pages
from backstory.core.store import EventStore, append_several
from backstory.domain.decider import Command, Event, State
from backstory.domain.repository import Repository
from backstory.stores.open import open_store

P = ParamSpec("P")
R = TypeVar("R")
Source = TypeVar("Source")
Source_co = TypeVar("Source_co", covariant=True)


class Portal:
    """An event loop in a thread of its own, started with the first call.

    Any number of threads may call at once. A process made by fork has none of its parent's threads:
    there, calls raise `StoreClosed`, and what is needed has to be opened again.
    """

    def __init__(self, *, inside_loop: bool = False) -> None:
        """Wait for the first call; *inside_loop* allows calls from a thread whose loop is running.

        Such a loop stands still for the time of the call. That is what a notebook wants and what a
        server must never do.
        """
        self._inside_loop = inside_loop
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Tell whether calls are over: after `close`, and in a process made by fork."""
        return self._closed or os.getpid() != self._process

    def call(
        self, function: Callable[P, Coroutine[object, object, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return what the coroutine function answers, run on the portal's loop.

        Ctrl-C while it waits cancels the call; whether it still had its effect is not known. Raises
        `InvalidInput` where an event loop is running, and `StoreClosed` after `close` or a fork.
        """
        self._refuse_loops()
        future = self._submit(function, *args, **kwargs)
        try:
            return future.result()
        except CancelledError:
            message = (
                "the event loop of this store was closed during the call; open the store again"
            )
            raise StoreClosed(message) from None
        finally:
            future.cancel()  # after an interrupt of this thread; without effect on an ended call

    def _refuse_loops(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        if not self._inside_loop or threading.current_thread() is self._thread:
            message = (
                "a blocking call would stop the event loop that is running here: await the async "
                "method instead, or (in a notebook) open with inside_loop=True"
            )
            raise InvalidInput(message)

    def _submit(
        self, function: Callable[P, Coroutine[object, object, R]], *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        if os.getpid() != self._process:  # before the lock: another thread may have held it then
            message = "opened before a fork; open the store again in this process"
            raise StoreClosed(message)
        with self._lock:
            if self._closed:
                raise StoreClosed
            if self._loop is None:
                self._loop = self._start()
            return asyncio.run_coroutine_threadsafe(function(*args, **kwargs), self._loop)

    def _start(self) -> asyncio.AbstractEventLoop:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(
            target=_run, args=(started,), name="backstory-portal", daemon=True
        )
        self._thread.start()
        atexit.register(self.close)
        return started.result()

    def close(self) -> None:
        """Cancel what is under way, stop the loop and wait for its thread.

        Closing twice is allowed; a process made by fork leaves its parent's loop alone.
        """
        atexit.unregister(self.close)
        if os.getpid() != self._process:
            return
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            # Every call was handed over under the lock, so the loop starts it before it stops here,
            # and cancels it: no caller is left waiting.
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def _run(started: Future[asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        started.set_result(loop)
        loop.run_forever()


class Facade(Protocol[Source_co]):
    """What a blocking object is made of: its async twin, and the portal to it."""

    @property
    def asynchronous(self) -> Source_co:
        """Return the async twin."""
        ...

    @property
    def portal(self) -> Portal:
        """Return the portal its calls go through."""
        ...


class Blocked(Generic[Source, P, R]):
    """A method of a blocking object, made of the async method: same name, parameters, answer."""

    def __init__(
        self, method: Callable[Concatenate[Source, P], Coroutine[object, object, R]]
    ) -> None:
        """Take the async *method*."""
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, facade: None, owner: type) -> Self: ...
    @overload
    def __get__(self, facade: Facade[Source], owner: type) -> Callable[P, R]: ...
    def __get__(self, facade: Facade[Source] | None, owner: type) -> Self | Callable[P, R]:
        """Return the method bound to *facade*, ready to be called without `await`."""
        if facade is None:
            return self
        bound: Callable[P, Coroutine[object, object, R]] = getattr(
            facade.asynchronous, self._method.__name__
        )
        portal = facade.portal

        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return portal.call(bound, *args, **kwargs)

        return update_wrapper(call, bound)


class BlockingStore:
    """An event store without `await`; see `EventStore` for what its methods promise.

    It closes itself at the end of a `with` block. Any number of threads may use it at once.
    """

    append: Final = Blocked(EventStore.append)
    read: Final = Blocked(EventStore.read)
    head: Final = Blocked(EventStore.head)
    wait: Final = Blocked(EventStore.wait)

    def __init__(self, asynchronous: EventStore, portal: Portal) -> None:
        """Speak for the store *asynchronous*, which is used through *portal* alone."""
        self.asynchronous = asynchronous
        self.portal = portal

    def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to several streams, all or none; see `backstory.append_several`."""
        return self.portal.call(append_several, self.asynchronous, appends)

    def pages(self, query: Read) -> Iterator[Sequence[RecordedEvent]]:
        """Yield page after page of *query* until nothing is left; see `backstory.pages`."""
        source = pages(self.asynchronous, query)

        async def following() -> Sequence[RecordedEvent]:
            try:
                return await anext(source)
            except StopAsyncIteration:
                return ()

        while page := self.portal.call(following):
            yield page

    def events(self, query: Read) -> Iterator[RecordedEvent]:
        """Yield event after event of *query* until nothing is left; reads in pages of `limit`."""
        for page in self.pages(query):
            yield from page

    def close(self) -> None:
        """Close the store and its portal; closing twice is allowed."""
        with suppress(StoreClosed):  # closed before, or by another thread at the same time
            self.portal.call(self.asynchronous.close)
        self.portal.close()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()


class BlockingRepository(Generic[Command, Event, State]):
    """A `Repository` without `await`: `load` and `execute` as there.

    It goes through the portal of the store that the repository was made with:

        with open_blocking_store("sqlite:///shop.db") as store:
            carts = BlockingRepository(
                Repository(store.asynchronous, schema, cart, category="cart"), store.portal
            )
    """

    load: Final = Blocked(Repository[Command, Event, State].load)
    execute: Final = Blocked(Repository[Command, Event, State].execute)

    def __init__(self, asynchronous: Repository[Command, Event, State], portal: Portal) -> None:
        """Speak for the repository *asynchronous*, on the loop of *portal*."""
        self.asynchronous = asynchronous
        self.portal = portal


def open_blocking_store(url: str, *, inside_loop: bool = False) -> BlockingStore:
    """Return the store at *url* for use without `await`; see `open_store` for URLs and errors.

    Use it in a `with` block, or close it. In a notebook, where a loop is always running, give
    *inside_loop*.
    """
    portal = Portal(inside_loop=inside_loop)
    try:
        return BlockingStore(portal.call(open_store, url), portal)
    except BaseException:
        portal.close()
        raise

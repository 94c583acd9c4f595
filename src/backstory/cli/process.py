"""Running a command's asynchronous work, and ending it well when a signal comes.

The first SIGINT or SIGTERM is a wish: by default the work is cancelled, closes what it opened and
the process ends with 128 plus the signal. `watch` ends in order instead, an append under way is
finished. A second signal ends the process at once, which is as safe for a store as `kill -9`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Final

from backstory.cli.exits import INTERRUPTED, ExitCode
from backstory.cli.screen import forget_output

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal came while the process was waiting for input."""


class Stop:
    """The wish to stop: whether a signal came, and what it sets off."""

    def __init__(self) -> None:
        """Begin without a wish."""
        self._signal: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._act: Callable[[], object] = lambda: None
        self._waiting_for_input = False

    @property
    def wished(self) -> bool:
        """Return whether a signal came."""
        return self._signal is not None

    @property
    def exit_code(self) -> int:
        """Return the code of a command that a signal ended early, or `DONE`."""
        return ExitCode.DONE if self._signal is None else INTERRUPTED + self._signal

    def sets_off(self, act: Callable[[], object]) -> None:
        """Call *act* from the running loop when the wish comes, in place of cancelling the work."""
        self._loop, self._act = asyncio.get_running_loop(), act
        if self.wished:
            act()

    def wish(self) -> asyncio.Event:
        """Return an event of the running loop that is set when the wish comes."""
        event = asyncio.Event()
        self.sets_off(event.set)
        return event

    @contextmanager
    def breaks_off_input(self) -> Iterator[None]:
        """Raise `Interrupted` inside the block, where the process blocks, when the wish comes."""
        if self.wished:
            raise Interrupted
        self._waiting_for_input = True
        try:
            yield
        finally:
            self._waiting_for_input = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals inside the block; only a main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _frame: object) -> None:
        if self.wished:
            os._exit(INTERRUPTED + number)
        self._signal = number
        if self._waiting_for_input:
            raise Interrupted
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._act)


def run(work: Callable[[Stop], Coroutine[object, object, int]]) -> int:
    """Return the exit code of *work*, also when a signal or a vanished reader ended it."""
    stop = Stop()

    async def main() -> int:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio.run made it
        stop.sets_off(task.cancel)
        return await work(stop)

    try:
        with stop.listening():
            return asyncio.run(main())
    except asyncio.CancelledError:
        return stop.exit_code
    except BrokenPipeError:
        forget_output()
        return ExitCode.DONE

"""Commands as they come in: typed at a prompt, or line after line from a pipe."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from backstory.cli.exits import INTERRUPTED
from backstory.cli.process import Stop


class Input(Protocol):
    """Where commands come from."""

    typed: bool
    """Whether somebody sits there, who can mend a command that was wrong."""

    def next(self, position: int) -> str | None:
        """Return the next line, read at *position*; None behind the last one."""
        ...

    async def obey(self, command: Coroutine[object, object, None]) -> bool:
        """Run *command*; False when it was broken off."""
        ...


@contextmanager
def commands_in(stop: Stop) -> Iterator[Input]:
    """Give what stdin is; reading from it raises `Interrupted` when the wish to *stop* comes."""
    if not sys.stdin.isatty():
        yield _Piped(stop)
        return
    typed = _Typed(stop)
    with typed.listening():
        yield typed


class _Piped:
    """Lines from a pipe or a file."""

    typed = False

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def next(self, position: int) -> str | None:
        del position
        with self._stop.breaks_off_input():
            line = sys.stdin.buffer.readline()
        return line.decode("utf-8", "replace") if line else None

    async def obey(self, command: Coroutine[object, object, None]) -> bool:
        await command
        return True


class _Typed:
    """Lines that somebody types; Ctrl-C ends the command that runs, Ctrl-D everything."""

    typed = True

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._reading = self._broken_off = False
        self._task: asyncio.Task[None] | None = None
        with suppress(ImportError):
            import readline  # noqa: F401 - importing it gives `input` its history
        self._prompts = sys.stdout if sys.stdout.isatty() else sys.stderr

    def next(self, position: int) -> str | None:
        self._reading = True
        try:
            with self._stop.breaks_off_input():
                return self._line(f"({position}) ")
        except EOFError:
            self._end_line()
            return None
        except KeyboardInterrupt:
            self._end_line()
            return ""
        finally:
            self._reading = False

    def _line(self, prompt: str) -> str:
        if self._prompts is sys.stdout:
            return input(prompt)
        self._prompts.write(prompt)
        self._prompts.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line

    def _end_line(self) -> None:
        self._prompts.write("\n")
        self._prompts.flush()

    async def obey(self, command: Coroutine[object, object, None]) -> bool:
        self._broken_off = False
        self._task = asyncio.ensure_future(command)
        try:
            await self._task
        except asyncio.CancelledError:
            if not self._broken_off:
                raise
            return False
        finally:
            self._task = None
        return True

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear Ctrl-C inside the block; only a main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        def hear(number: int, _frame: object) -> None:
            if self._reading:
                raise KeyboardInterrupt
            if self._broken_off:
                os._exit(INTERRUPTED + number)
            if self._task is not None:
                self._broken_off = True
                loop.call_soon_threadsafe(self._task.cancel)

        before = signal.signal(signal.SIGINT, hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

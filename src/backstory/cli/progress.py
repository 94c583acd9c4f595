"""Progress bars on stderr, for people who watch; nothing for logs and pipes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

_OFTEN: Final = 0.1
"""Least seconds between two drawings."""


class Bar(Protocol):
    """What long work reports to."""

    def reach(self, done: int) -> None:
        """Show that *done* of the total is done."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Take the bar away while something else is written."""
        ...


class _NoBar:
    def reach(self, done: int) -> None:
        """Show nothing."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        yield


class _RichBar:
    def __init__(self, what: str, total: int | None) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        from backstory.cli.screen import console

        self._drawn = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console(stderr=True),
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        )
        self._task = self._progress.add_task(what, total=total)
        self._progress.start()

    def reach(self, done: int) -> None:
        now = time.monotonic()
        often = now - self._drawn < _OFTEN
        self._progress.update(self._task, completed=done, refresh=not often)
        self._drawn = self._drawn if often else now

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def end(self) -> None:
        self._progress.stop()


@contextmanager
def progress(what: str, *, total: int | None = None) -> Iterator[Bar]:
    """Give a bar that shows how far *what* is, of *total* steps when there is a total."""
    if not sys.stderr.isatty():
        yield _NoBar()
        return
    bar = _RichBar(what, total)
    try:
        yield bar
    finally:
        bar.end()

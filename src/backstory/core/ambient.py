"""What surrounds the code that runs now: its correlation, and the span of a trace it runs in.

Both follow a task and all that it awaits. `Context` leaves them in the metadata of events, log
lines carry them; so a line, an event and a trace of one request find each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final

TRACEPARENT: Final = "traceparent"
"""The name in metadata, and in HTTP headers, of the span something was done in (W3C)."""

_correlation: Final[ContextVar[str | None]] = ContextVar("backstory_correlation", default=None)
_traceparent: Final[ContextVar[str | None]] = ContextVar("backstory_traceparent", default=None)


def correlation() -> str | None:
    """Return the id of the correlation that the present code belongs to, None without one."""
    return _correlation.get()


def traceparent() -> str | None:
    """Return the W3C `traceparent` of the span that the present code runs in, None without one."""
    return _traceparent.get()


class correlated:  # noqa: N801 - used as a verb: with correlated(id)
    """Let all that begins inside the `with` block belong to one correlation.

    Commands without a `Context` of their own take it over, log lines name it.
    """

    # A class, because a generator would cost three times as much, and every command enters one.
    __slots__ = ("_id", "_token")
    _token: Token[str | None]

    def __init__(self, correlation_id: str) -> None:
        """Belong to the correlation *correlation_id*."""
        self._id = correlation_id

    def __enter__(self) -> None:
        """Begin."""
        self._token = _correlation.set(self._id)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; what surrounded the block does so again."""
        _correlation.reset(self._token)


@contextmanager
def traced(parent: str) -> Iterator[None]:
    """Say that the block runs in the span that *parent*, a W3C `traceparent`, names.

    Whatever opens spans calls it; Backstory itself knows no tracing library.
    """
    token = _traceparent.set(parent)
    try:
        yield
    finally:
        _traceparent.reset(token)

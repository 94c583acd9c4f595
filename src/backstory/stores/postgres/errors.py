"""PostgreSQL's errors in our words. No driver's error leaves this folder but as a `__cause__`.

Two questions matter: may what was sent have been carried out, and is the connection still good? An
error that the server reports (severity ERROR) undoes its transaction, so nothing was written. When
the answer does not come, nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Final

import asyncpg

from backstory.core.errors import (
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)

COMMAND: Final = "backstory schema"
"""What creates and migrates a store."""

DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""All that the driver raises; `TimeoutError` and `ConnectionError` are `OSError`s.

`InternalClientError`, of no other family, is what a statement gets that is sent in the moment in
which the server says that it closes the connection.
"""


NOT_CARRIED_OUT: Final = (asyncpg.InterfaceError, asyncpg.InvalidCachedStatementError)
"""Errors before anything happened on the server."""


class AnswerLost(Exception):
    """The connection broke, or no answer came in time; what was sent may have been carried out."""


_BUSY: Final = {
    "55P03",  # lock_timeout
    "40P01",  # deadlock
    "40001",  # the caller's transaction cannot see what was appended since it began
    "23505",  # (the same: the position it would take is taken)
}
_FULL: Final = {"53100"}
_NO_RIGHT: Final = {"42501"}
_READ_ONLY: Final = {"25006"}
_NOT_THERE: Final = {"3F000", "42P01", "42883", "42703"}
_ENDED: Final = {"57014"}
_DAMAGED: Final = {"XX001", "XX002"}
_CONDITIONS: Final = {"25", "40", "53", "55", "57", "58"}
"""Classes of errors about the state of the server, not about a statement."""

_FATAL: Final = {"FATAL", "PANIC"}


def is_lost(error: BaseException) -> bool:
    """Return whether *error* leaves open what became of what was sent."""
    if isinstance(error, asyncpg.PostgresError):
        severity: str | None = error.severity_en or error.severity
        # Class 08 is raised by the driver when the connection breaks.
        return severity in _FATAL or (error.sqlstate or "").startswith("08")
    return isinstance(error, asyncpg.InternalClientError | OSError)


def concerns_all(error: BaseException) -> bool:
    """Return whether *error* would meet every statement now, and is not about what one holds."""
    return not isinstance(error, asyncpg.PostgresError | asyncpg.DataError) or (
        sqlstate_of(error)[:2] in _CONDITIONS
        or sqlstate_of(error) in _BUSY | _NO_RIGHT | _NOT_THERE
    )


def sqlstate_of(error: BaseException) -> str:
    """Return the five letters by which the server names an error, empty without."""
    return str(getattr(error, "sqlstate", None) or "")


def translated_error(error: BaseException, place: str) -> StoreError:
    """Return the `StoreError` that says what *error* means for the store at *place*.

    The error is one that left nothing written.
    """
    reason = _first_line(error) or type(error).__name__
    for states, meaning in _MEANINGS:
        if sqlstate_of(error) in states:
            return meaning(place, reason)
    return StoreUnavailable(f"{place}: {reason}. Nothing was stored; try again.")


_MEANINGS: Final[Sequence[tuple[AbstractSet[str], Callable[[str, str], StoreError]]]] = (
    (_BUSY, lambda _place, _reason: StoreBusy()),
    (_FULL, lambda _place, _reason: StoreFull()),
    (_NO_RIGHT, lambda place, why: StoreReadOnly(f"{place}: {why}. Ask for a role that may.")),
    (_READ_ONLY, lambda place, why: StoreReadOnly(f"{place}: the server takes no writes: {why}.")),
    (
        _NOT_THERE,
        lambda place, _: StoreUnavailable(
            f"{place} holds no event store; make it with `{COMMAND} URL`."
        ),
    ),
    (
        _ENDED,
        lambda place, why: StoreUnavailable(
            f"{place}: {why}. Nothing was stored. Where the server should work longer on one "
            "statement, raise `statement_timeout` in the store's URL (for mode=ro it is "
            "`answer_timeout` where it is not set)."
        ),
    ),
    (_DAMAGED, lambda place, why: StoreDamaged(f"{place} is damaged: {why}. Restore a backup.")),
)


def _first_line(error: BaseException) -> str:
    if isinstance(error, asyncpg.InternalClientError):
        return "the server closed the connection"
    return str(error).partition("\n")[0].rstrip(".")


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn the driver's errors inside the block, which writes nothing, into ours."""
    try:
        yield
    except AnswerLost as error:
        raise translated_error(error.__cause__ or error, place) from error
    except DRIVER_ERRORS as error:
        raise translated_error(error, place) from error

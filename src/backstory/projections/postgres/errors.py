"""What PostgreSQL's errors mean, and what they must not say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolExhausted

_UNAVAILABLE_CLASSES: Final = (
    "08",  # connection
    "28",  # who may log in
    "53",  # disk, memory or connections used up
    "57",  # shut down, starting up, cancelled, out of time
    "58",  # the system below it
    "F0",  # its configuration
    "XX",  # damaged
)
_UNAVAILABLE: Final = frozenset(
    {
        "25006",  # read-only: a stand-by, or a role that may only read
        "3D000",  # no such database
        "40001",  # could not be put in order with others
        "40P01",  # deadlock
        "42501",  # a right is missing
        "55P03",  # a lock was not to be had in time
    }
)
_BAD_TEXT: Final = "22"


def is_unavailable(error: BaseException) -> bool:
    """Say whether *error* is the state of the server or the network, and not the statement."""
    if isinstance(error, PoolExhausted):
        return True
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig or error
    if not isinstance(error, psycopg.Error):
        return False
    if is_outdated(error):
        return True
    code = error.sqlstate
    if code is None:
        # Not from the server: it was not reached, or not any more.
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return code in _UNAVAILABLE or code.startswith(_UNAVAILABLE_CLASSES)


def is_outdated(error: BaseException) -> bool:
    """Say whether a connection prepared a query for a table that has another shape by now."""
    reason = error.orig if isinstance(error, DBAPIError) else error
    # By its place in PostgreSQL: the code is that of many errors, the message may be translated.
    return (
        isinstance(reason, psycopg.errors.FeatureNotSupported)
        and reason.diag.source_function == "RevalidateCachedQuery"
    )


def forget_values(error: BaseException) -> None:
    """Take the values of rows out of the messages of *error* and of what caused it.

    PostgreSQL quotes them, and messages go into logs and into the table of parked events.
    """
    for one in _with_causes(error):
        if isinstance(one, psycopg.Error):
            one.args = (_without_values(one),)
        elif isinstance(one, StatementError) and isinstance(one.orig, psycopg.Error):
            kind = type(one.orig)
            text = _without_values(one.orig)
            one.args = (f"({kind.__module__}.{kind.__qualname__}) {text}",)


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]


def _without_values(error: psycopg.Error) -> str:
    primary = error.diag.message_primary
    if primary is None:
        return " ".join(str(error).split())
    if error.sqlstate and error.sqlstate.startswith(_BAD_TEXT):
        return primary.partition(': "')[0]  # invalid input syntax for type integer: "..."
    return primary

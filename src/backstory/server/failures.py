"""How a call fails: the status, the text and the trailers that EventStoreDB 25.0 answers.

Clients read both: those for Node look at the trailer `exception`, the one for Python at the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from grpclib.const import Status

from backstory.core.expected import ANY, NO_STREAM, Expected

NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Failure(Exception):
    """Ends a call with a status, a text for people, and trailers for clients."""

    status: Status
    message: str
    trailers: Mapping[str, str]

    def __init__(self, status: Status, message: str, trailers: Mapping[str, str] = NONE) -> None:
        """Take what is sent; numbers in *trailers* are decimal text."""
        self.status, self.message, self.trailers = status, message, trailers
        super().__init__(f"{status.name}: {message}")


def invalid_argument(message: str, **trailers: str) -> Failure:
    """Return the failure of a request that makes no sense."""
    return Failure(Status.INVALID_ARGUMENT, message, _with_dashes(trailers))


def missing_metadata() -> Failure:
    """Return the failure of an event without type or content type."""
    return Failure(
        Status.INVALID_ARGUMENT,
        "Required Metadata Property Missing: 'type', 'content-type'",
        {
            "exception": "missing-required-metadata-property",
            "required-metadata-properties": "type,content-type",
        },
    )


def stream_deleted(stream: str) -> Failure:
    """Return the failure of whatever concerns a stream that has a tombstone."""
    return Failure(
        Status.FAILED_PRECONDITION,
        f"Event stream '{stream}' is deleted.",
        {"exception": "stream-deleted", "stream-name": stream},
    )


def stream_not_found(stream: str) -> Failure:
    """Return the failure of what needs a stream that is not there."""
    return Failure(
        Status.NOT_FOUND,
        f"Event stream '{stream}' is not found.",
        {"exception": "stream-not-found", "stream-name": stream},
    )


def wrong_expected_version(
    operation: str, stream: str, expected: Expected, actual: int | None
) -> Failure:
    """Return the failure of an *operation* on a stream that is not as *expected*."""
    wanted, found = version_of(expected), -1 if actual is None else actual
    return Failure(
        Status.FAILED_PRECONDITION,
        f"{operation} failed due to WrongExpectedVersion. Stream: {stream}, "
        f"Expected version: {wanted}, Actual version: {found}",
        {
            "exception": "wrong-expected-version",
            "stream-name": stream,
            "expected-version": str(wanted),
            "actual-version": str(found),
        },
    )


def version_of(expected: Expected) -> int:
    """Return the number that EventStoreDB has for an expectation."""
    if isinstance(expected, int):
        return expected
    return -2 if expected is ANY else -1 if expected is NO_STREAM else -4


def append_too_large(limit: int) -> Failure:
    """Return the failure of an append that is too large as a whole; *limit* in bytes."""
    return Failure(
        Status.INVALID_ARGUMENT,
        f"Maximum Append Size of {limit} Exceeded.",
        {"exception": "maximum-append-size-exceeded", "maximum-append-size": str(limit)},
    )


def event_too_large(event_id: str, size: int, limit: int) -> Failure:
    """Return the failure of an append that holds an event of *size* bytes, more than *limit*."""
    return Failure(
        Status.INVALID_ARGUMENT,
        f"Event with Id: {event_id}, Size: {size}, exceeds Maximum Append Event Size of {limit}.",
        {
            "exception": "maximum-append-event-size-exceeded",
            "event-id": event_id,
            "proposed-append-event-size": str(size),
            "maximum-append-event-size": str(limit),
        },
    )


def index_not_found(name: str) -> Failure:
    """Return the failure of a read of an index that is not there."""
    trailers = {"exception": "index-not-found", "index-name": name}
    return Failure(Status.NOT_FOUND, f"Index '{name}' is not found.", trailers)


def access_denied() -> Failure:
    """Return the failure of a caller who is not known, or may not do that."""
    return Failure(Status.PERMISSION_DENIED, "Access Denied", {"exception": "access-denied"})


def unavailable(message: str = "Server Is Not Ready") -> Failure:
    """Return the failure that makes clients connect anew."""
    return Failure(Status.UNAVAILABLE, message)


def timed_out(message: str) -> Failure:
    """Return the failure of what took too long."""
    return Failure(Status.ABORTED, f"Operation timed out: {message}")


def unhandled() -> Failure:
    """Return the failure of a call that ended in an error nobody foresaw; the log has it."""
    return Failure(Status.UNKNOWN, "Exception was thrown by handler.")


def _with_dashes(trailers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in trailers.items()}

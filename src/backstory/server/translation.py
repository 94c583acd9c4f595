"""What the errors of a store are to a caller."""

from __future__ import annotations

from grpclib.const import Status

from backstory.core.errors import (
    AppendTooLarge,
    BackstoryError,
    EventTooLarge,
    InvalidInput,
    OutcomeUnknown,
    PowerMissing,
    StoreUnavailable,
)
from backstory.core.expected import WrongExpectedRevision
from backstory.core.retaining import StreamDeleted
from backstory.server.failures import (
    Failure,
    append_too_large,
    event_too_large,
    invalid_argument,
    stream_deleted,
    timed_out,
    unavailable,
    wrong_expected_version,
)


def translated(error: BackstoryError, *, operation: str = "Append") -> Failure:
    """Return the failure that tells a client of *error*, which ended an *operation*."""
    if isinstance(error, WrongExpectedRevision):
        return wrong_expected_version(operation, error.stream, error.expected, error.actual)
    if isinstance(error, StreamDeleted):
        return stream_deleted(error.stream)
    if isinstance(error, AppendTooLarge):
        return append_too_large(error.limit)
    if isinstance(error, EventTooLarge):
        return event_too_large("", error.size, error.limit)
    if isinstance(error, InvalidInput):
        return invalid_argument(str(error))
    return _unanswered(error)


def _unanswered(error: BackstoryError) -> Failure:
    if isinstance(error, OutcomeUnknown):
        return timed_out(str(error))
    if isinstance(error, StoreUnavailable):
        return unavailable(str(error))
    if isinstance(error, PowerMissing):
        return Failure(Status.UNIMPLEMENTED, str(error))
    return Failure(Status.INTERNAL, str(error))

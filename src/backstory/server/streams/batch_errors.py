"""What a refused append of a batch is told: a status, and a message for the client to understand.

Type and text together are those of 25.0: clients look at the type alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from google.protobuf.message import Message
from grpclib.const import Status
from kurrentdbclient.protos.v1 import shared_pb2 as shared
from kurrentdbclient.protos.v1 import status_pb2

from backstory.core.expected import ANY, NO_STREAM, WrongExpectedRevision
from backstory.server.failures import Failure, wrong_expected_version

_Told = tuple[Status, Message]


def describe_conflict(status: status_pb2.Status, error: WrongExpectedRevision) -> None:
    """Write into *status* that the stream was not as expected."""
    told = shared.WrongExpectedVersion()
    if error.actual is None:
        told.current_no_stream.SetInParent()
    else:
        told.current_stream_revision = error.actual
    if isinstance(error.expected, int):
        told.expected_stream_position = error.expected
    elif error.expected is ANY:
        told.expected_any.SetInParent()
    elif error.expected is NO_STREAM:
        told.expected_no_stream.SetInParent()
    else:
        told.expected_stream_exists.SetInParent()
    failure = wrong_expected_version("Append", error.stream, error.expected, error.actual)
    _fill(status, failure.message, (Status.ALREADY_EXISTS, told))


def describe(status: status_pb2.Status, failure: Failure) -> None:
    """Write into *status* what *failure* is."""
    kind = failure.trailers.get("exception", "")
    tell = _BY_KIND.get(kind) or _BY_STATUS.get(failure.status, _unknown)
    _fill(status, failure.message, tell(failure))


def _fill(status: status_pb2.Status, message: str, told: _Told) -> None:
    code, detail = told
    status.code = code.value  # type: ignore[assignment]  # enums are numbers here
    status.message = message
    status.details.Pack(detail)


def _deleted(failure: Failure) -> _Told:
    told = shared.StreamDeleted()
    told.stream_identifier.stream_name = failure.trailers["stream-name"].encode()
    return Status.NOT_FOUND, told


def _denied(_failure: Failure) -> _Told:
    return Status.PERMISSION_DENIED, shared.AccessDenied()


def _too_large(failure: Failure) -> _Told:
    # One event too large has a message of its own, which the clients for Python do not know.
    limit = failure.trailers.get("maximum-append-size") or failure.trailers.get(
        "maximum-append-event-size", "0"
    )
    return Status.INVALID_ARGUMENT, shared.MaximumAppendSizeExceeded(maxAppendSize=int(limit))


def _late(_failure: Failure) -> _Told:
    return Status.DEADLINE_EXCEEDED, shared.Timeout()


def _bad(failure: Failure) -> _Told:
    return Status.INVALID_ARGUMENT, shared.BadRequest(message=failure.message)


def _unknown(_failure: Failure) -> _Told:
    return Status.UNKNOWN, shared.Unknown()


_BY_KIND: Final[Mapping[str, Callable[[Failure], _Told]]] = {
    "stream-deleted": _deleted,
    "access-denied": _denied,
    "maximum-append-size-exceeded": _too_large,
    "maximum-append-event-size-exceeded": _too_large,
}
_BY_STATUS: Final[Mapping[Status, Callable[[Failure], _Told]]] = {
    Status.ABORTED: _late,
    Status.INVALID_ARGUMENT: _bad,
}

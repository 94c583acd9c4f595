"""How calls about projections fail, in the words of 25.0."""

from __future__ import annotations

from grpclib.const import Status

from backstory.server.failures import Failure, invalid_argument


def not_found(name: str) -> Failure:
    """Return the failure of asking for a projection that is not there."""
    return Failure(Status.NOT_FOUND, f"Projection '{name}' not found")


def conflict() -> Failure:
    """Return the failure of creating a projection that is there."""
    return _unexpected("Conflict")


def operation_failed() -> Failure:
    """Return the failure of deleting a projection that is enabled, or changing the system's."""
    return _unexpected("OperationFailed")


def transient_refused() -> Failure:
    """Return the failure of a projection that nobody would keep."""
    return invalid_argument("transient projections are not kept, so they cannot be created")


def _unexpected(received: str) -> Failure:
    text = f"Envelope callback expected Updated, received {received} instead"
    return Failure(Status.UNKNOWN, text)

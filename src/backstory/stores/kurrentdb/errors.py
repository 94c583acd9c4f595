"""What the client raises, as what a store raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from kurrentdbclient.exceptions import (
    AccessDeniedError,
    DeadlineExceededError,
    GrpcError,
    KurrentDBClientError,
    MaximumAppendSizeExceededError,
    StreamIsDeletedError,
    StreamTombstonedError,
    UnauthenticatedError,
    WrongCurrentVersionError,
)

from backstory.core.errors import AppendTooLarge, OutcomeUnknown, StoreUnavailable
from backstory.core.retaining import StreamDeleted


@contextmanager
def reading() -> Iterator[None]:
    """Raise `StoreUnavailable` for whatever goes wrong inside the block."""
    try:
        yield
    except (AccessDeniedError, UnauthenticatedError) as error:
        raise _refused(error) from error
    except (KurrentDBClientError, grpc.RpcError, OSError) as error:
        raise _unavailable(error) from error


@contextmanager
def appending(stream: str, size: int) -> Iterator[None]:
    """Raise what an append to *stream*, of *size* bytes, raises for what goes wrong inside.

    A call that broke off may have been carried out: the outcome is then unknown.
    """
    try:
        yield
    except WrongCurrentVersionError:  # the caller knows what was expected
        raise
    except (StreamIsDeletedError, StreamTombstonedError) as error:
        raise StreamDeleted(stream=stream) from error
    except (AccessDeniedError, UnauthenticatedError) as error:
        raise _refused(error) from error
    except MaximumAppendSizeExceededError as error:
        raise AppendTooLarge(size=size, limit=size - 1, unit="bytes") from error
    except (DeadlineExceededError, GrpcError, grpc.RpcError) as error:
        message = (
            f"whether the append to {stream!r} was written is unknown: {_words(error)}; append "
            "the same events again, which writes them once"
        )
        raise OutcomeUnknown(message) from error
    except (KurrentDBClientError, OSError) as error:
        raise _unavailable(error) from error


def _refused(error: Exception) -> StoreUnavailable:
    message = f"the server refuses this user: {_words(error)}; is it the right name and password?"
    return StoreUnavailable(message)


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the server cannot be reached, or cannot answer: {_words(error)}")


def _words(error: Exception) -> str:
    if isinstance(error, grpc.RpcError) or (
        error.args and isinstance(error.args[0], grpc.RpcError)
    ):
        call = error if isinstance(error, grpc.RpcError) else error.args[0]
        details = call.details() if isinstance(call, grpc.Call) else None
        if details:
            return str(details)
    return str(error) or type(error).__name__

"""Names of streams and expected revisions, as they come over the wire."""

from __future__ import annotations

from typing import Final

from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.core.errors import InvalidName
from backstory.core.expected import ANY, NO_STREAM, STREAM_EXISTS, Expected
from backstory.core.names import check_stream_name
from backstory.server.failures import invalid_argument
from backstory.server.reading.indexes import INDEX

_LARGEST: Final = 2**63 - 1
_END: Final = 2**64 - 1


def stream_named(identifier: shared.StreamIdentifier) -> str:
    """Return the name of a stream; raises `Failure` when it is no text or empty."""
    try:
        name = identifier.stream_name.decode()
    except UnicodeDecodeError as error:
        text = "a stream's name is text in UTF-8"
        raise invalid_argument(text) from error
    if not name or name == "$$":
        text = f"{name!r} is no name of a stream"
        raise invalid_argument(text)
    return name


def writable_stream(identifier: shared.StreamIdentifier) -> str:
    """Return the name of a stream that may be written to; raises `Failure` for any other."""
    name = stream_named(identifier)
    try:
        check_stream_name(name)
    except InvalidName as error:
        raise invalid_argument(str(error)) from error
    if name.startswith(INDEX):
        text = f"{name!r} names an index, which cannot be written to"
        raise invalid_argument(text)
    return name


def expected_of(kind: str | None, revision: int) -> Expected:
    """Return what a client expects of a stream, by the field it has set; nothing set is `ANY`.

    Raises `Failure` for a revision larger than any.
    """
    if kind == "no_stream":
        return NO_STREAM
    if kind == "stream_exists":
        return STREAM_EXISTS
    if kind in {"revision", "stream_position"}:
        return revision_of(revision)
    return ANY


def revision_of(value: int) -> int:
    """Return *value* as a revision; raises `Failure` when it is larger than any."""
    if value > _LARGEST:
        text = f"{value} is larger than any revision"
        raise invalid_argument(text)
    return value


def is_end(value: int) -> bool:
    """Return whether a number on the wire means the end."""
    return value == _END

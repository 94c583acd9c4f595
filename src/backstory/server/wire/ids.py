"""UUIDs on the wire: as text, or as two signed integers of 64 bits, the more significant first."""

from __future__ import annotations

import struct
from typing import Final
from uuid import UUID

from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.server.failures import invalid_argument

_HALVES: Final = struct.Struct(">qq")


def uuid_of(message: shared.UUID) -> UUID:
    """Return the UUID that *message* holds; raises `Failure` when it holds none."""
    if message.WhichOneof("value") == "structured":
        halves = message.structured
        return UUID(bytes=_HALVES.pack(halves.most_significant_bits, halves.least_significant_bits))
    try:
        return UUID(message.string)
    except ValueError as error:
        text = f"{message.string[:60]!r} is no UUID"
        raise invalid_argument(text) from error


def fill_uuid(message: shared.UUID, value: bytes, *, structured: bool) -> None:
    """Write the 16 bytes of a UUID into *message*, in the form the client asked for."""
    if structured:
        most, least = _HALVES.unpack(value)
        message.structured.most_significant_bits = most
        message.structured.least_significant_bits = least
    else:
        message.string = str(UUID(bytes=value))

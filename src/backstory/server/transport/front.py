"""The front of the port: the first bytes of a connection tell which protocol it speaks.

HTTP/2 with prior knowledge begins with a fixed preface (RFC 9113, 3.4), which no HTTP/1.1 request
can begin with. Behind TLS the same bytes come first, so nothing depends on what was negotiated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SECONDS_TO_SPEAK: Final = 60.0
"""How long a connection may stay open without a word."""

MakeProtocol = Callable[[], asyncio.Protocol]


class Front(asyncio.Protocol):
    """Takes a connection until it is known who shall have it."""

    def __init__(self, grpc: MakeProtocol, http: MakeProtocol) -> None:
        """Give the connection to what *grpc* or *http* makes."""
        self._grpc, self._http = grpc, http
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first bytes, though not for ever."""
        self._transport = cast("asyncio.Transport", transport)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(_SECONDS_TO_SPEAK, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Hand the connection over as soon as what came tells its protocol."""
        self._received += data
        begun = self._received[: len(PREFACE)]
        if begun == PREFACE:
            self._hand_over(self._grpc())
        elif not PREFACE.startswith(begun):
            self._hand_over(self._http())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection; it was closed before it said anything."""
        self._stop_waiting()
        self._transport = None

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        self._stop_waiting()
        transport, self._transport = self._transport, None
        if transport is None:
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        received, self._received = self._received, b""
        protocol.data_received(received)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

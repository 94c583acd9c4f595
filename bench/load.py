"""The HTTP load: 32 connections kept alive, each sending its next request when it has an answer.

One generator for every server and every machine, so that figures can be compared; it costs some
20 microseconds of CPU per request, on the same cores as the server.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final, cast

import uvloop

from bench.meter import Meter, Tally

CONNECTIONS: Final = 32
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END: Final = b"\r\n\r\n"
_SPACE: Final = b" "
_PATIENCE: Final = 60.0

Requests = Callable[[int], bytes]
"""Makes the request of a number; every number is asked for once."""


def load(host: str, port: int, requests: Requests, *, wanted: int, meter: Meter) -> None:
    """Send *requests* until the meter's time is up; all answers must have the status *wanted*."""

    async def run() -> None:
        numbers = iter(range(1 << 40))
        await _exchange(host, port, lambda: requests(next(numbers)), wanted, meter.tally)

    uvloop.run(run())


def send_all(host: str, port: int, requests: Requests, count: int, *, wanted: int) -> None:
    """Send *count* requests as fast as the server takes them."""

    async def run() -> None:
        numbers = iter(range(count))

        def request() -> bytes | None:
            number = next(numbers, None)
            return None if number is None else requests(number)

        await _exchange(host, port, request, wanted, lambda: Tally(0, float("inf")))

    uvloop.run(run())


async def _exchange(
    host: str,
    port: int,
    request: Callable[[], bytes | None],
    wanted: int,
    tally: Callable[[], Tally],
) -> None:
    loop = asyncio.get_running_loop()
    clients = [
        _Client(request, b"%d" % wanted, tally(), loop.create_future()) for _ in range(CONNECTIONS)
    ]
    for client in clients:
        await loop.create_connection(lambda client=client: client, host, port)  # type: ignore[misc]  # bound as default
    async with asyncio.timeout(_PATIENCE):
        await asyncio.gather(*(client.done for client in clients))


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(
        self,
        request: Callable[[], bytes | None],
        wanted: bytes,
        tally: Tally,
        done: asyncio.Future[None],
    ) -> None:
        self.done = done
        self._request = request
        self._wanted = wanted
        self._tally = tally
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        if not _is_whole(data):
            self._received = data
            return
        self._received = b""
        if data.split(_SPACE, 2)[1] != self._wanted:
            self._fail(data.decode(errors="replace"))
        elif self._tally.add(1):
            self._send()
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._fail(f"the server closed the connection: {exc}")

    def _send(self) -> None:
        request = self._request()
        if request is None:
            self._end()
        elif self._transport is not None:
            self._transport.write(request)

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        if self._transport is not None:
            self._transport.close()

    def _fail(self, answer: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"not {self._wanted.decode()}: {answer[:300]}"))
        if self._transport is not None:
            self._transport.close()


def _is_whole(data: bytes) -> bool:
    end = data.find(_END)
    if end < 0:
        return False
    length = _LENGTH.search(data, 0, end)
    if length is None:
        message = f"an answer without Content-Length: {data[:300]!r}"
        raise RuntimeError(message)
    return len(data) >= end + len(_END) + int(length[1])

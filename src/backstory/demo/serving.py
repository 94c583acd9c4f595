"""Serving an ASGI application from this very process until a signal comes.

The first SIGINT or SIGTERM is a wish: no new connections, requests under way are finished, and the
call returns. A second one ends the process at once, which is as safe for the data as `kill -9`.
There is no other process, so none is left behind however this one ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar

from backstory import InvalidSetting

DRAIN: Final = 5.0
"""Seconds that requests under way have for ending by themselves once the wish to stop came.

Whoever sent the wish often waits ten seconds before it kills (`docker stop`); closing takes some.
"""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_BACKLOG: Final = 1_024
_SIGNALLED: Final = 128
_LOOK: Final = 0.01


class CannotListen(Exception):
    """The address is taken, or may not be listened on."""


class Address(msgspec.Struct, frozen=True):
    """A numeric address and a port that was free a moment ago."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return what a browser of this machine calls it."""
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - only shown
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}"


def free_address(host: str, port: int) -> Address:
    """Return the numeric address of *host*, with *port* or, when that is 0, a free one.

    Raises `CannotListen` when somebody listens there already: the server itself would not notice,
    it shares a port with others of its kind. Raises `InvalidSetting` when *host* is no address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        message = f"{host!r} is no address of this machine: {error}"
        raise InvalidSetting(message) from error
    family, kind, protocol, _, place = found[0]
    with socket.socket(family, kind, protocol) as probe:
        # As servers do, so that connections of an earlier process that linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
            probe.listen()
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"cannot listen on port {port} of {host}: {reason}; choose another port"
            raise CannotListen(message) from error
        name = probe.getsockname()
    return Address(str(name[0]), int(name[1]))


async def serve(
    app: Litestar, address: Address, *, wish: asyncio.Event, announce: Callable[[], None]
) -> bool:
    """Serve *app* until the *wish* to stop; return whether it ended because of that.

    Calls *announce* once connections are accepted. When it returns, every request it accepted has
    been answered, or has had `DRAIN` seconds for it.
    """
    server = Server(
        app,
        address=address.host,
        port=address.port,
        interface=Interfaces.ASGINL,  # what it serves is opened and closed around it
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    wishing = asyncio.create_task(wish.wait())
    announcing = asyncio.create_task(_announce(address, announce))
    await asyncio.wait({serving, wishing}, return_when=asyncio.FIRST_COMPLETED)
    announcing.cancel()
    server.stop()  # type: ignore[no-untyped-call]  # granian does not type it
    _, slow = await asyncio.wait({serving}, timeout=DRAIN)
    for task in (*slow, wishing):
        task.cancel()
    await asyncio.gather(serving, wishing, announcing, return_exceptions=True)
    return wish.is_set()


async def _announce(address: Address, announce: Callable[[], None]) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            await asyncio.sleep(_LOOK)
        else:
            writer.close()
            announce()
            return


@contextmanager
def wish_to_stop() -> Iterator[asyncio.Event]:
    """Hear signals inside the block; the event says that one came, a second ends the process."""
    loop = asyncio.get_running_loop()
    wish = asyncio.Event()

    def hear(number: int) -> None:
        if wish.is_set():
            os._exit(_SIGNALLED + number)
        wish.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, hear, number)
    try:
        yield wish
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

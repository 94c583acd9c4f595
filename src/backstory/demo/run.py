"""The process of the user service: open, announce, serve, drain, close."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from backstory import StoreReadOnly
from backstory.demo.event_sourced import EventSourcedUsers
from backstory.demo.service import service
from backstory.demo.serving import Address, CannotListen, free_address, serve, wish_to_stop
from backstory.demo.settings import DemoSettings
from backstory.demo.users import Users

DONE: Final = 0
FAILED: Final = 1
UNAVAILABLE: Final = 3


class Opened(NamedTuple):
    """Users ready to be served, and the URL of each place they are kept in."""

    users: Users
    places: Mapping[str, str]


Opening: TypeAlias = Callable[[DemoSettings], Awaitable[Opened]]


async def open_event_sourced(settings: DemoSettings) -> Opened:
    """Return the users that *settings* name, kept as events."""
    store, read_model = settings.store_url, settings.read_model_url
    users = await EventSourcedUsers.open(store, read_model, schema=settings.schema)
    return Opened(users, {"events": store, "read model": read_model})


def run(settings: DemoSettings, *, opening: Opening = open_event_sourced) -> int:
    """Serve the users that *opening* opens, until SIGINT or SIGTERM; return the exit code.

    0: ended in order. 1: the server ended by itself. 3: the address is taken. Raises what opening
    raises, `InvalidSetting` for a host that is none, `StoreReadOnly` for a directory that cannot be
    made. What people want to read goes to stderr.
    """
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    with asyncio.Runner(loop_factory=_event_loop()) as runner:
        return runner.run(_run(settings, opening))


async def _run(settings: DemoSettings, opening: Opening) -> int:
    try:
        address = free_address(settings.host, settings.port)
    except CannotListen as error:
        _say(f"error: {error}")
        return UNAVAILABLE
    _make_directory(settings)
    with wish_to_stop() as wish:
        users, places = await opening(settings)
        try:
            app, welcome = service(users), _welcome(address, places)
            # All that is there now stays: looking through it again would only hold requests up.
            gc.collect()
            gc.freeze()
            in_order = await serve(app, address, wish=wish, announce=lambda: _say(welcome))
        finally:
            await users.close()
    _say("ended in order" if in_order else "error: the server ended by itself")
    return DONE if in_order else FAILED


def _make_directory(settings: DemoSettings) -> None:
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the directory {settings.data} cannot be made: {error.strerror}"
        raise StoreReadOnly(message) from error


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415 - has no build for Windows
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _welcome(address: Address, places: Mapping[str, str]) -> str:
    shown = {"API": f"{address.url}/schema", **places}
    lines = "\n".join(f"  {name:<12}{_without_password(url)}" for name, url in shown.items())
    return f"""The user service listens on {address.url} (Ctrl-C ends it). Try:

  curl -X POST {address.url}/users -H 'content-type: application/json' \\
       -d '{{"username": "donald-le", "fullName": "Donald Le"}}'
  curl {address.url}/users/donald-le

{lines}"""


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url if password is None else url.replace(f":{password}@", ":***@")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the person who started it reads this

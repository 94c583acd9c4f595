"""The process of the user service: open, announce, serve, drain, close."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from backstory import LogFormat, StoreReadOnly, Telemetry, start_logging
from backstory.demo.event_sourced import EventSourcedUsers
from backstory.demo.observing import UNOBSERVED
from backstory.demo.service import service
from backstory.demo.serving import Address, CannotListen, free_address, serve, wish_to_stop
from backstory.demo.settings import DemoSettings
from backstory.demo.users import Users

DONE: Final = 0
FAILED: Final = 1
UNAVAILABLE: Final = 3
_log = logging.getLogger("backstory.demo")


class Opened(NamedTuple):
    """Users ready to be served, the URL of each place they are kept in, and what is observed."""

    users: Users
    places: Mapping[str, str]
    telemetry: Telemetry = UNOBSERVED


Opening: TypeAlias = Callable[[DemoSettings], Awaitable[Opened]]


async def open_event_sourced(settings: DemoSettings) -> Opened:
    """Return the users that *settings* name, kept as events."""
    store, read_model = settings.store_url, settings.read_model_url
    telemetry = Telemetry.installed()
    users = await EventSourcedUsers.open(
        store, read_model, schema=settings.schema, telemetry=telemetry
    )
    return Opened(users, {"events": store, "read model": read_model}, telemetry)


def run(settings: DemoSettings, *, opening: Opening = open_event_sourced) -> int:
    """Serve the users that *opening* opens, until SIGINT or SIGTERM; return the exit code.

    0: ended in order. 1: the server ended by itself. 3: the address is taken. Raises what opening
    raises, `InvalidSetting` for a host that is none, `StoreReadOnly` for a directory that cannot be
    made. What people want to read goes to stderr, and so does the log; as JSON lines there is
    nothing else.
    """
    start_logging(settings.log_format)
    with asyncio.Runner(loop_factory=_event_loop()) as runner:
        return runner.run(_run(settings, opening))


async def _run(settings: DemoSettings, opening: Opening) -> int:
    words = _Words(in_lines=settings.log_format is LogFormat.JSON)
    try:
        address = free_address(settings.host, settings.port)
    except CannotListen as error:
        words.complain(str(error))
        return UNAVAILABLE
    _make_directory(settings)
    with wish_to_stop() as wish:
        users, places, telemetry = await opening(settings)
        try:
            app = service(users, telemetry)
            # All that is there now stays: looking through it again would only hold requests up.
            gc.collect()
            gc.freeze()
            welcome = partial(words.welcome, address, places)
            in_order = await serve(app, address, wish=wish, announce=welcome)
        finally:
            await users.close()
    if not in_order:
        words.complain("the server ended by itself")
        return FAILED
    words.say("ended in order")
    return DONE


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


class _Words:
    """What is said to whoever started the service: as text, or as lines of the log."""

    def __init__(self, *, in_lines: bool) -> None:
        self._in_lines = in_lines

    def welcome(self, address: Address, places: Mapping[str, str]) -> None:
        shown = {name: _without_password(url) for name, url in places.items()}
        if self._in_lines:
            kept = ", ".join(f"{name} in {url}" for name, url in shown.items())
            self.say(f"the user service listens on {address.url} ; {kept}")
        else:
            self.say(_welcome(address.url, {"API": f"{address.url}/schema", **shown}))

    def say(self, text: str) -> None:
        if self._in_lines:
            _log.info("%s", text)
        else:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - a person reads this

    def complain(self, text: str) -> None:
        if self._in_lines:
            _log.error("%s", text)
        else:
            self.say(f"error: {text}")


def _welcome(url: str, shown: Mapping[str, str]) -> str:
    lines = "\n".join(f"  {name:<12}{place}" for name, place in shown.items())
    return f"""The user service listens on {url} (Ctrl-C ends it). Try:

  curl -X POST {url}/users -H 'content-type: application/json' \\
       -d '{{"username": "donald-le", "fullName": "Donald Le"}}'
  curl {url}/users/donald-le

{lines}"""


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url if password is None else url.replace(f":{password}@", ":***@")

"""A user's own application, started on everything as it was at a moment."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy.engine import URL

from backstory.cli.located_shown import in_words
from backstory.cli.process import Stop
from backstory.cli.screen import say
from backstory.core.errors import InvalidSetting
from backstory.projections.read_model import ReadModel
from backstory.timemachine.asof import as_of

if TYPE_CHECKING:
    from litestar import Litestar

    from backstory.application import Application
    from backstory.cli.past import Past

_DEMO: Final = "backstory.demo.frozen:service"


async def serve_frozen(
    target: str, application: Application, past: Past, stop: Stop, *, port: int
) -> None:
    """Serve the application that the function *target* makes, until the wish to stop.

    The function is given a store that ends at the moment and takes no append, and the URL of a
    local read model that holds everything as of it. Raises `InvalidSetting` when it is not there.
    """
    from backstory.demo.serving import free_address, serve

    make = _function(_DEMO if target == "demo" else target)
    with TemporaryDirectory(prefix="backstory-") as directory:
        url = URL.create("sqlite", database=str(Path(directory, "read-model.db")))
        model = await ReadModel.open(str(url))
        try:
            await as_of(
                application,
                past.history,
                model,
                snapshots=past.snapshots,
                behind=past.behind,
            )
        finally:
            await model.close()
        made = make(past.history, str(url))
        app = cast("Litestar", await made if inspect.isawaitable(made) else made)
        address = free_address("127.0.0.1", port)
        wish = stop.wish()

        def announce() -> None:
            event = past.located.event
            where = "before the first event" if event is None else in_words(event)
            say(f"frozen at {where}: {address.url} (Ctrl-C ends it)", style="bold")

        await serve(app, address, wish=wish, announce=announce)


def _function(target: str) -> Callable[[object, str], object]:
    module_name, _, name = target.partition(":")
    try:
        found: object = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        message = f"--serve names a function as package.module:name, not {target!r}: {error}"
        raise InvalidSetting(message) from error
    if not callable(found):
        message = f"{target!r} is a {type(found).__name__}, and no function"
        raise InvalidSetting(message)
    return cast("Callable[[object, str], object]", found)

"""Finding the application a command is for, and opening what it works with."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from backstory.application import Application
    from backstory.projections.followers import Follower
    from backstory.projections.read_model import ReadModel

_PROJECT: Final = Path("pyproject.toml")

App = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:NAME",
        help="The application; [tool.backstory] app in ./pyproject.toml unless given.",
    ),
]
Store = Annotated[
    str, typer.Option("--store", metavar="URL", help="The event store, which must be there.")
]
ReadModelUrl = Annotated[
    str,
    typer.Option(
        "--read-model",
        metavar="URL",
        help="The read model: sqlite:///file.db or postgresql://host/database.",
    ),
]
SchemaName = Annotated[
    str,
    typer.Option(
        "--schema",
        metavar="NAME",
        help="Schema of the read model's tables, in databases that have schemas.",
    ),
]
Projections = Annotated[
    list[str] | None,
    typer.Option(
        "--projection",
        metavar="NAME",
        help="This projection or reactor alone; may be repeated.",
    ),
]
SCHEMA: Final = "eventsourcing"


def found_application(target: str | None) -> Application:
    """Return the application *target* names, or the one that the project here names.

    Raises `InvalidSetting` when there is none. What its module raises passes through.
    """
    from backstory.application import load_application

    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does: the application is where the user is
    return load_application(target or _named_in_project())


def target_of(target: str | None) -> str:
    """Return how the application is named that `found_application` finds; raises as it does."""
    return target or _named_in_project()


def _named_in_project() -> str:
    from backstory.core.errors import InvalidSetting

    try:
        project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))
    except FileNotFoundError:
        project = {}
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        message = f"{_PROJECT} cannot be read: {error}"
        raise InvalidSetting(message) from error
    tool = project.get("tool", {})
    named = tool.get("backstory", {}).get("app") if isinstance(tool, dict) else None
    if not isinstance(named, str):
        message = (
            "which application? Give --app package.module:name, or write it into ./pyproject.toml: "
            '[tool.backstory] app = "package.module:name"'
        )
        raise InvalidSetting(message)
    return named


def chosen(application: Application, names: Iterable[str] | None) -> list[Follower]:
    """Return the projections and reactors of *application* called so, all when none is named.

    Raises `InvalidSetting` for a name that none has, and when there is nothing at all.
    """
    from backstory.core.errors import InvalidSetting

    known = {follower.name: follower for follower in application.followers}
    wanted = list(dict.fromkeys(names or known))
    unknown = sorted(set(wanted) - known.keys())
    if unknown or not wanted:
        what = f"no projection or reactor {unknown[0]!r}" if unknown else "no projection or reactor"
        message = f"application {application.name!r} has {what}; it has: {', '.join(known) or '-'}"
        raise InvalidSetting(message)
    return [known[name] for name in wanted]


@asynccontextmanager
async def opened_read_model(
    url: str, schema: str, *, must_exist: bool = False
) -> AsyncIterator[ReadModel]:
    """Give the read model at *url* and close it afterwards, whatever happens.

    Raises `ReadModelUnavailable` when it is a file that *must_exist* and does not.
    """
    from backstory.projections.read_model import ReadModel

    if must_exist:
        check_exists(url)
    model = await ReadModel.open(url, schema=schema)
    try:
        yield model
    finally:
        await model.close()


@asynccontextmanager
async def opened_live(url: str, schema: str) -> AsyncIterator[ReadModel]:
    """Give the read model at *url* to look at: nothing is created or changed there.

    Raises `ReadModelUnavailable` when it is a file that is not there.
    """
    from backstory.projections.opening import open_database
    from backstory.projections.read_model import ReadModel

    check_exists(url)
    live = ReadModel(open_database(url, schema))
    try:
        yield live
    finally:
        await live.close()


def check_exists(url: str) -> None:
    """Raise `ReadModelUnavailable` where *url* names a file that is not there."""
    from sqlalchemy.engine import make_url

    from backstory.core.errors import ReadModelUnavailable

    file = make_url(url).database if url.startswith("sqlite:") else None
    if file and not Path(file).exists():
        message = f"there is no file for the read model {url}"
        raise ReadModelUnavailable(message)

"""What can be set, by a flag or by an environment variable; anything else is an error."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from backstory import InvalidSetting, LogFormat

PREFIX: Final = "BACKSTORY_DEMO_"
_MAX_PORT: Final = 65_535


class DemoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the service listens, and where it keeps what it knows.

    `store` and `read_model` are URLs; without one it is a file in the directory `data`. `schema`
    names the schema of the read model's tables where the database has schemas. `port` 0 takes any
    free one. `log_format` is that of all that is written to stderr. `as_in_the_tutorial` runs the
    variant with the tutorial's bugs. Raises `InvalidSetting` for a value that cannot work.
    """

    data: Path = Path("backstory-demo")
    host: str = "127.0.0.1"
    port: int = 5000
    store: str | None = None
    read_model: str | None = None
    schema: str = "eventsourcing"
    log_format: LogFormat = LogFormat.TEXT
    as_in_the_tutorial: bool = False

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if not 0 <= self.port <= _MAX_PORT:
            message = f"a port is a number from 0 to {_MAX_PORT}, not {self.port}"
            raise InvalidSetting(message)
        if not self.host.strip():
            message = "the host is empty; 127.0.0.1 is this machine, 0.0.0.0 all of its addresses"
            raise InvalidSetting(message)
        if set("?\0") & set(str(self.data)):
            message = f"the directory {str(self.data)!r} cannot be named in a URL; choose another"
            raise InvalidSetting(message)

    @property
    def store_url(self) -> str:
        """Return where the events are."""
        return self.store or f"sqlite:///{quote(str(self.data / 'events.db'))}"

    @property
    def read_model_url(self) -> str:
        """Return where the read model is."""
        return self.read_model or self.file_url("read-model.db")

    def file_url(self, name: str) -> str:
        """Return the URL of the database in the file *name* of the data directory."""
        return f"sqlite:///{self.data / name}"


_TUTORIAL: Final = {
    "ESDB_CONNECTION_STRING": "store",
    "DATABASE_URL": "read_model",
    "DATABASE_SCHEMA": "schema",
}
_TEXTS: Final = {
    "data": "directory of the events and the read model, created when missing",
    "host": "the address to listen on",
    "port": "the port to listen on; 0 takes any free one",
    "store": "URL of the event store, in place of DATA/events.db",
    "read_model": "URL of the read model, in place of DATA/read-model.db",
    "schema": "schema of the read model's tables, where the database has schemas",
    "log_format": "what is written to stderr: text, or json for programs",
    "as_in_the_tutorial": "run the variant with the tutorial's bugs, to practise on: true or false",
}


def tutorial_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that *environment* gives under the names of the tutorial.

    `ESDB_CONNECTION_STRING` is the event store, `DATABASE_URL` the read model, `DATABASE_SCHEMA`
    its schema. Whatever is said in our own way goes before.
    """
    return {
        name: environment[variable]
        for variable, name in _TUTORIAL.items()
        if environment.get(variable)
    }


def settings_from(
    arguments: Sequence[str], environment: Mapping[str, str], *, program: str
) -> DemoSettings:
    """Return what *arguments* and, for the rest, `BACKSTORY_DEMO_*` of *environment* say.

    Raises `InvalidSetting` for a value that cannot work and for a variable that belongs to no
    setting; ends the process as `argparse` does for an unknown argument, and for `--help`.
    """
    known = {f"{PREFIX}{name.upper()}": name for name in _TEXTS}
    for variable in sorted(environment):
        if variable.startswith(PREFIX) and variable not in known:
            nearest = difflib.get_close_matches(variable, known, n=1, cutoff=0)[0]
            message = f"no setting is called {variable}; did you mean {nearest}?"
            raise InvalidSetting(message)
    parser = argparse.ArgumentParser(prog=program, allow_abbrev=False, description=__doc__)
    for variable, name in known.items():
        text = f"{_TEXTS[name]} [{variable}]"
        parser.add_argument(f"--{name.replace('_', '-')}", help=text)
    given: dict[str, str | None] = vars(parser.parse_args(arguments))
    values = {
        name: value
        for variable, name in known.items()
        if (value := given[name] if given[name] is not None else environment.get(variable))
        is not None
    }
    values = {**tutorial_settings(environment), **values}
    try:
        return msgspec.convert(values, DemoSettings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise InvalidSetting(str(error)) from error


def _path(_kind: type, value: str) -> Path:
    return Path(value)

"""What a `sqlite:` URL says: the file and the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from backstory.core.errors import InvalidSetting

_MODES: Final = {
    "rwc": "read and write, create when missing",
    "rw": "read and write an existing file",
    "ro": "read an existing file",
}


class SqliteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the file is and how it is used.

    `busy_timeout` is how long an append waits for another process's write, in seconds; `readers`
    how many reads run at once; `cache_mib` the page cache of each connection.
    """

    path: Path
    mode: str = "rwc"
    busy_timeout: float = 10.0
    readers: int = 2
    cache_mib: int = 16

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if self.mode not in _MODES:
            choices = ", ".join(f"{name} ({meaning})" for name, meaning in _MODES.items())
            message = f"mode is one of {choices}; not {self.mode!r}"
            raise InvalidSetting(message)
        for name, value, low, high in (
            ("busy_timeout", self.busy_timeout, 0, 3_600),
            ("readers", self.readers, 1, 64),
            ("cache_mib", self.cache_mib, 1, 65_536),
        ):
            if not low <= value <= high:
                message = f"{name} is from {low} to {high}, not {value:g}"
                raise InvalidSetting(message)

    @property
    def writable(self) -> bool:
        """Return whether appends are allowed."""
        return self.mode != "ro"

    @classmethod
    def from_url(cls, url: str) -> SqliteSettings:
        """Return what *url* says; raises `InvalidSetting` when it is no `sqlite:///file` URL."""
        parts = urlsplit(url)
        path = unquote(parts.path[1:])
        shown = "sqlite:///relative/file.db or sqlite:////absolute/file.db"
        if parts.scheme != "sqlite" or parts.netloc or parts.fragment or not path:
            message = f"write a SQLite store as {shown}, not {url!r}"
            raise InvalidSetting(message)
        if ":memory:" in path or "\0" in path:
            message = f"{path!r} is no file; write {shown}, or 'memory:' for a store in memory"
            raise InvalidSetting(message)
        values: dict[str, object] = {"path": Path(path)}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            if name in values or name not in cls.__struct_fields__ or name == "path":
                known = ", ".join(cls.__struct_fields__[1:])
                message = f"unknown or repeated setting {name!r} in {url!r}; settings are: {known}"
                raise InvalidSetting(message)
            values[name] = value
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            message = f"{url!r}: {error}"
            raise InvalidSetting(message) from error

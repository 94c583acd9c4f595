"""What a `postgresql:` URL says: the server, the database, the schema and the settings."""

from __future__ import annotations

import re
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec

from backstory.core.errors import InvalidSetting

_SCHEMES: Final = ("postgresql", "postgres")
_SHOWN: Final = "postgresql://user:password@host:port/database"
_MODES: Final = {
    "rwc": "read and write, create when missing",
    "rw": "read and write an existing store",
    "ro": "read an existing store",
}
_TLS_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TLS_FILES: Final = ("sslrootcert", "sslcert", "sslkey")
_NAME_BYTES: Final = 63
_HEARING: Final = 1.0
"""Seconds that the server has to say that it ended a statement."""
_BOUNDS: Final = {
    "connections": (1, 1_000),
    "connect_timeout": (0.1, 3_600),
    "busy_timeout": (0.001, 3_600),
    "answer_timeout": (0.1, 3_600),
    "statement_timeout": (0.001, 3_600),
    "reconnect_timeout": (0, 3_600),
    "poll_shortest": (0.001, 60),
    "poll_longest": (0.001, 60),
    "port": (1, 65_535),
}
_PLACE: Final = ("user", "password", "database")
"""What stands before the `?`; everything else may stand behind it."""


class PostgresSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the store is and how it is used; times are in seconds.

    `schema` holds the store and nothing else. `mode` is as for SQLite. `connections` is how many
    reads run at once. `connect_timeout` bounds one attempt to connect, `reconnect_timeout` how long
    a lost server is waited for. `busy_timeout` is how long an append waits for another's
    transaction, `answer_timeout` how long any answer is waited for before the connection counts as
    lost. `statement_timeout` is how long the server works on one statement before it ends it; left
    alone that is `answer_timeout` for `mode=ro`, and as the server has it otherwise. `notify` says
    whether other processes are told of appends at once; without it they look, between every
    `poll_shortest` and every `poll_longest` seconds. `pooled` says whether a pooler in transaction
    mode stands before the server; left alone the store finds out. `host` may be a folder with a
    Unix socket; `sslmode` and its files are as for libpq.
    """

    user: str | None = None
    password: str | None = None
    database: str | None = None
    host: str | None = None
    port: int | None = None
    schema: str = "backstory"
    mode: str = "rwc"
    application_name: str = "backstory"
    connections: int = 4
    connect_timeout: float = 10.0
    reconnect_timeout: float = 10.0
    busy_timeout: float = 10.0
    answer_timeout: float = 30.0
    statement_timeout: float | None = None
    notify: bool = True
    poll_shortest: float = 0.002
    poll_longest: float = 0.05
    pooled: bool | Literal["auto"] = "auto"
    sslmode: str | None = None
    sslrootcert: str | None = None
    sslcert: str | None = None
    sslkey: str | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        _one_of("mode", self.mode, [f"{name} ({means})" for name, means in _MODES.items()])
        if self.sslmode is not None:
            _one_of("sslmode", self.sslmode, _TLS_MODES)
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                message = f"{name} is from {low:g} to {high:g}, not {value:g}"
                raise InvalidSetting(message)
        if self.poll_shortest > self.poll_longest:
            message = "poll_shortest is at most poll_longest"
            raise InvalidSetting(message)
        if self.busy_timeout >= self.answer_timeout:
            message = (
                "busy_timeout is below answer_timeout: waiting for others is part of an answer"
            )
            raise InvalidSetting(message)
        _check_schema(self.schema)

    @property
    def writable(self) -> bool:
        """Return whether appends are allowed."""
        return self.mode != "ro"

    @property
    def longest_statement(self) -> float | None:
        """Return after how many seconds the server ends a statement, None: as it is set up itself.

        Whoever only looks at a store must leave no query running there when it goes away.
        """
        if self.statement_timeout is None and not self.writable:
            return self.answer_timeout
        return self.statement_timeout

    @property
    def longest_answer(self) -> float:
        """Return how long an answer is waited for, which is until the server has given up."""
        if self.longest_statement is None:
            return self.answer_timeout
        return max(self.answer_timeout, self.longest_statement + _HEARING)

    @property
    def place(self) -> str:
        """Return where the store is, in words for messages; without the password."""
        host = self.host or "the default host"
        return (
            f"schema {self.schema!r} of database {self.database or 'of the user'!r} on "
            f"{host}{f':{self.port}' if self.port else ''}"
        )

    @property
    def dsn(self) -> str:
        """Return where to connect, as drivers of PostgreSQL take it; without the password."""
        files = {name: getattr(self, name) for name in ("sslmode", *_TLS_FILES)}
        query = {"host": self.host, "port": self.port, **files}
        given = {name: value for name, value in query.items() if value is not None}
        user = "" if self.user is None else f"{quote(self.user, safe='')}@"
        return f"postgresql://{user}/{quote(self.database or '', safe='')}?{urlencode(given)}"

    @classmethod
    def from_url(cls, url: str) -> PostgresSettings:
        """Return what *url* says; raises `InvalidSetting` when it is no `postgresql:` URL.

        No message shows the URL: it may hold a password.
        """
        values: dict[str, object] = _place_in(url)
        for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
            if name in values or name not in cls.__struct_fields__ or name in _PLACE:
                known = ", ".join(field for field in cls.__struct_fields__ if field not in _PLACE)
                message = f"unknown or repeated setting {name!r}; settings are: {known}"
                raise InvalidSetting(message)
            values[name] = _WORDS.get(value, value) if name in {"notify", "pooled"} else value
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            message = f"a setting in the URL cannot be used: {error}"
            raise InvalidSetting(message) from error


_WORDS: Final = {"on": "true", "off": "false", "yes": "true", "no": "false"}


def _place_in(url: str) -> dict[str, object]:
    message = f"write a PostgreSQL store as {_SHOWN}, with settings behind a '?'"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidSetting(message) from None
    if parts.scheme not in _SCHEMES or parts.fragment or "/" in parts.path[1:]:
        raise InvalidSetting(message)
    named = {
        "user": parts.username,
        "password": parts.password,
        "database": parts.path[1:],
        "host": parts.hostname,
    }
    found: dict[str, object] = {name: unquote(text) for name, text in named.items() if text}
    if port is not None:
        found["port"] = port
    return found


def _one_of(name: str, value: str, choices: list[str] | tuple[str, ...]) -> None:
    if value not in [choice.partition(" ")[0] for choice in choices]:
        message = f"{name} is one of {', '.join(choices)}; not {value!r}"
        raise InvalidSetting(message)


def _check_schema(name: str) -> None:
    if not re.fullmatch(r"[^\x00-\x1f\x7f]+", name) or len(name.encode()) > _NAME_BYTES:
        message = f"a schema's name has from 1 to {_NAME_BYTES} visible bytes, not {name!r}"
        raise InvalidSetting(message)
    if name in {"public", "information_schema"} or name.startswith("pg_"):
        message = f"give the event store a schema of its own, not {name!r}, where others may write"
        raise InvalidSetting(message)

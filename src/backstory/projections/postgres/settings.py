"""What a `postgresql:` URL says: where the database is, and the settings of the read model."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy.engine import URL

from backstory.core.errors import InvalidSetting

_LIBPQ: Final = frozenset(
    {
        "application_name",
        "channel_binding",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "options",
        "passfile",
        "port",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)
"""Parameters that PostgreSQL's own library documents, and that are passed on to it."""

_WORDS: Final = {"on": "true", "off": "false", "yes": "true", "no": "false"}
_DEFAULTS: Final = {
    "application_name": "backstory",
    # A silent network is noticed within half a minute, not after two hours.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
}


class PostgresSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the database is used. Times are in seconds.

    `connections` is how many are open at most, the worker's among them; `connect_timeout` how long
    a new one, or a free one, is waited for; `busy_timeout` how long a statement waits for another's
    lock and `statement_timeout` how long it may run, 0 without end. `pooled` says that a pooler in
    transaction mode stands before the server: then nothing is prepared and nothing is left in the
    session, and reads outside a transaction have the timeouts of their role.
    """

    connections: int = 8
    connect_timeout: int = 10
    busy_timeout: float = 10.0
    statement_timeout: float = 0.0
    pooled: bool = False

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        for name, value, low, high in (
            ("connections", self.connections, 2, 1_000),
            ("connect_timeout", self.connect_timeout, 2, 3_600),
            ("busy_timeout", self.busy_timeout, 0, 3_600),
            ("statement_timeout", self.statement_timeout, 0, 86_400),
        ):
            if not low <= value <= high:
                message = f"{name} is from {low} to {high:,}, not {value:g}"
                raise InvalidSetting(message)


def settings_in(url: URL) -> tuple[PostgresSettings, URL]:
    """Return the settings in the query of *url*, and the URL as the driver takes it.

    Raises `InvalidSetting` for an unknown setting and for a value that cannot work.
    """
    ours, theirs = {}, dict(_DEFAULTS)
    for name, value in url.query.items():
        if not isinstance(value, str):
            message = f"the setting {name!r} is given twice"
            raise InvalidSetting(message)
        if name in PostgresSettings.__struct_fields__:
            ours[name] = _WORDS.get(value, value) if name == "pooled" else value
        elif name in _LIBPQ:
            theirs[name] = value
        else:
            known = ", ".join(PostgresSettings.__struct_fields__)
            message = (
                f"a PostgreSQL read model has no setting {name!r}; it knows {known}, and the "
                "connection parameters of PostgreSQL's library such as host and sslmode"
            )
            raise InvalidSetting(message)
    try:
        settings = msgspec.convert(ours, PostgresSettings, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSetting(str(error)) from error
    return settings, url.set(drivername="postgresql+psycopg", query=theirs)

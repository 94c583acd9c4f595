"""Reference pages that are written from the code: `python -m tests.docs.reference` writes them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

import backstory
from backstory.core import names, read
from backstory.core.errors import BackstoryError
from backstory.core.store import Power
from backstory.stores.postgres.settings import PostgresSettings
from backstory.stores.powers import POWERS
from tests.docs.snippets import ROOT

_REFERENCE: Final = ROOT / "docs" / "reference"
_URLS: Final = {
    "kurrentdb": "`esdb://user:password@host:2113?tls=true`, `kurrentdb+discover://name`",
    "memory": "`memory:`",
    "postgres": "`postgresql://user:password@host:port/database`",
    "sqlite": "`sqlite:///relative/file.db`, `sqlite:////absolute/file.db`",
}
_POSTGRES: Final = {
    "schema": "the schema that holds the store and nothing else",
    "mode": "`rwc` makes the tables, `rw` needs them to exist, `ro` only reads",
    "connections": "how many reads run at once; appending and listening have their own",
    "connect_timeout": "for one attempt to connect",
    "reconnect_timeout": "how long a server that was lost is waited for",
    "busy_timeout": "how long an append waits for somebody else's transaction",
    "answer_timeout": "how long any answer is waited for before the connection counts as lost",
    "statement_timeout": "after how long the server ends a statement; for `ro` as `answer_timeout`",
    "notify": "tell other processes of appends at once, and listen to what they tell",
    "poll_shortest": "the shortest pause between two looks for what others appended",
    "poll_longest": "the longest one; four times as long while hints are heard",
    "pooled": "whether a pooler in transaction mode stands before the server",
    "application_name": "what `pg_stat_activity` shows",
    "host": "in place of the one before the `/`; may be a folder with a Unix socket",
    "port": "in place of the one before the `/`",
    "sslmode": "`disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`",
    "sslrootcert": "a file with the certificates to trust",
    "sslcert": "a file with our certificate",
    "sslkey": "a file with its key",
}


def generated() -> dict[Path, str]:
    """Return the text of each generated page by its path."""
    return {_REFERENCE / "errors.md": _errors(), _REFERENCE / "stores.md": _stores()}


def _errors() -> str:
    lines = [
        "# Errors",
        "",
        "Everything Backstory raises is a `BackstoryError`. Catch the class that says how you go",
        "on; its attributes hold the facts. All of them are names of `backstory`.",
        "",
        "| error | meaning | facts |",
        "|---|---|---|",
    ]
    for depth, cls in _tree(BackstoryError, 0):
        said = " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())
        facts = ", ".join(f"`{name}`" for name in inspect.get_annotations(cls))
        lines.append(f"| {'&emsp;' * depth}`{cls.__name__}` | {said} | {facts} |")
    return "\n".join(lines) + "\n"


def _tree(cls: type[BackstoryError], depth: int) -> Iterator[tuple[int, type[BackstoryError]]]:
    yield depth, cls
    for child in cls.__subclasses__():
        if child.__name__ in backstory.__all__:
            yield from _tree(child, depth + 1)


def _stores() -> str:
    powers = list(Power)
    lines = [
        "# Stores",
        "",
        "`open_store(url)` opens the store its URL names. Every store keeps all promises of the",
        "event store ([guarantees](guarantees.md)); beyond them a store may have powers:",
        "",
        f"| store | URL | {' | '.join(power.value for power in powers)} |",
        f"|---|---|{'---|' * len(powers)}",
    ]
    for store, has in POWERS.items():
        marks = " | ".join("yes" if power in has else "no" for power in powers)
        lines.append(f"| {store} | {_URLS[store]} | {marks} |")
    settings = [*_sqlite_settings(), "", *_postgres_settings()]
    return "\n".join([*lines, "", *settings, "", *_limits()]) + "\n"


def _sqlite_settings() -> list[str]:
    return [
        "## Settings of a SQLite store",
        "",
        "They are query parameters of its URL: `sqlite:///events.db?mode=ro`. An unknown one is an",
        "error.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
        "| `mode` | `rwc` | `rwc` creates the file, `rw` needs it to exist, `ro` only reads |",
        "| `busy_timeout` | `10` | seconds an append waits for another process's write |",
        "| `readers` | `2` | how many reads run at once, each in a thread of its own |",
        "| `cache_mib` | `16` | page cache of each connection, in MiB |",
    ]


def _postgres_settings() -> list[str]:
    fields = {field.name: field for field in msgspec.structs.fields(PostgresSettings)}
    assert set(_POSTGRES) | {"user", "password", "database"} == set(fields)
    lines = [
        "## Settings of a PostgreSQL store",
        "",
        "They are query parameters of its URL, such as `postgresql://host/database?schema=billing`.",
        "An unknown one is an error. Times are in seconds.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for name, meaning in _POSTGRES.items():
        default = fields[name].default
        shown = "" if default is None else f"`{str(default).lower()}`"
        lines.append(f"| `{name}` | {shown} | {meaning} |")
    return lines


def _limits() -> list[str]:
    return [
        "## Limits",
        "",
        "| what | at most |",
        "|---|---:|",
        f"| a stream name or event type | {names.MAX_NAME_BYTES:,} bytes of UTF-8 |",
        f"| an event, data and metadata together | {names.MAX_EVENT_BYTES:,} bytes |",
        f"| the events of one append | {names.MAX_APPEND_EVENTS:,} |",
        f"| the payloads of one append together | {names.MAX_APPEND_BYTES:,} bytes |",
        f"| a page of a read | {read.MAX_LIMIT:,} events, about {read.MAX_PAGE_BYTES:,} bytes |",
        f"| the types a read names | {read.MAX_TYPES} |",
    ]


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")

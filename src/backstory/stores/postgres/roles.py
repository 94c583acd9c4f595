"""Who may do what: roles that only append and read, or only read, and nothing beyond."""

from __future__ import annotations

from collections.abc import Iterable

from backstory.stores.postgres.migrations import quoted


def roles_sql(schema: str, *, appenders: Iterable[str], readers: Iterable[str]) -> list[str]:
    """Return the SQL that gives roles their rights, and makes those that are missing.

    A role made here cannot log in: grant it to the users who shall have its rights. An appender may
    read, and end streams, too. Nobody gets the right to write a table: the functions do it, with
    their owner's. Erasing is the owner's alone; grant `erase` to whom you will.
    """
    appending, reading = list(dict.fromkeys(appenders)), list(dict.fromkeys(readers))
    steps = [_made(role) for role in dict.fromkeys([*appending, *reading])]
    name = quoted(schema)
    for role in dict.fromkeys([*appending, *reading]):
        steps += [
            f"GRANT USAGE ON SCHEMA {name} TO {quoted(role)};",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {quoted(role)};",
        ]
    steps += [
        f"GRANT EXECUTE ON FUNCTION {name}.append, {name}.append_each, {name}.tombstone "
        f"TO {quoted(role)};"
        for role in appending
    ]
    return steps


def _made(role: str) -> str:
    body = (
        f"BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {_literal(role)}) "
        f"THEN CREATE ROLE {quoted(role)}; END IF; END"
    )
    return f"DO {_literal(body)};"


def _literal(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"

"""`backstory schema`: the tables of a store on PostgreSQL, and who may use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backstory.cli.parameters import Json

if TYPE_CHECKING:
    from backstory.stores.postgres.schema import SchemaState

PostgresUrl = Annotated[
    str,
    typer.Argument(
        metavar="URL", help="The store: postgresql://user:password@host:port/database?schema=NAME."
    ),
]
Show = Annotated[bool, typer.Option("--show", help="Change nothing; tell which version is there.")]
Sql = Annotated[
    bool, typer.Option("--sql", help="Connect to nothing; write the SQL for somebody else to run.")
]
From = Annotated[
    int,
    typer.Option("--from", metavar="VERSION", min=0, help="With --sql: the version that is there."),
]
Appenders = Annotated[
    list[str] | None,
    typer.Option(
        "--appender",
        metavar="ROLE",
        help="Let this role append and read, and make it if it is missing; may be repeated.",
    ),
]
Readers = Annotated[
    list[str] | None,
    typer.Option(
        "--reader",
        metavar="ROLE",
        help="Let this role read, and make it if it is missing; may be repeated.",
    ),
]


def schema(
    url: PostgresUrl,
    *,
    show: Show = False,
    sql: Sql = False,
    from_version: From = 0,
    appender: Appenders = None,
    reader: Readers = None,
    json: Json = False,
) -> None:
    """Make the tables of a store on PostgreSQL, or bring them up to date.

    Opening a store does the same when its role may. Use this where the role of the service may not:
    an appender may append and read, a reader may read, and neither can change or delete an event.
    Roles made here cannot log in; grant them to users who can.
    """
    from backstory.cli.process import Stop, run
    from backstory.stores.postgres import schema as schemas

    rights = schemas.Rights(tuple(appender or ()), tuple(reader or ()))

    async def work(_: Stop) -> int:
        from backstory.cli.screen import say, write_bytes

        if sql:
            script = schemas.sql_to_bring_up_to_date(url, from_version, rights)
            write_bytes(line.encode() for line in script.splitlines())
            return 0
        if show:
            found = await schemas.look_at_schema(url)
        else:
            found = await schemas.bring_up_to_date(url, rights)
            say(_done(found), style="green")
        _show(found, json=json, changed=not show)
        return 0

    raise typer.Exit(run(work))


def _done(found: SchemaState) -> str:
    if found.version == found.newest:
        return f"schema {found.schema!r} is up to date (version {found.newest})"
    if not found.version:
        return f"schema {found.schema!r} made (version {found.newest})"
    return f"schema {found.schema!r} migrated from version {found.version} to {found.newest}"


def _show(found: SchemaState, *, json: bool, changed: bool) -> None:
    from backstory.cli.envelope import json_line
    from backstory.cli.screen import write_bytes, write_row

    version = found.newest if changed else found.version
    if json:
        line = {"schema": found.schema, "version": version, "newest": found.newest}
        write_bytes([json_line(line)])
    elif not changed:
        write_row("schema", found.schema)
        write_row("version", version)
        write_row("newest", found.newest)

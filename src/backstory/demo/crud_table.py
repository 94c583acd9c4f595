"""The one table of the normal approach, in SQLite or PostgreSQL, and what it is asked."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from backstory import InvalidSetting, ReadModelUnavailable, UtcDateTime
from backstory.demo.names import MAX_LENGTH

user_table: Final = Table(
    "user",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("username", String(MAX_LENGTH), nullable=False, unique=True),
    Column("createdAt", UtcDateTime, nullable=False),
    Column("fullName", String(MAX_LENGTH), nullable=False),
    Column("revision", Integer, nullable=False),
    sqlite_autoincrement=True,
)
_user: Final = user_table.c
_of_user: Final = _user.username == bindparam("of_user")
add_user: Final = insert(user_table)
find_user: Final = select(user_table).where(_of_user)
find_to_change: Final = find_user.with_for_update()
"""Who is this user? Nobody else changes it until the transaction ends."""

list_users: Final = (
    select(user_table)
    .where(_user.id > bindparam("after"))
    .order_by(_user.id)
    .limit(bindparam("most"))
)
rename_user: Final = (
    update(user_table)
    .where(_of_user)
    .values(fullName=bindparam("new_name"), revision=bindparam("new_revision"))
)
delete_user: Final = delete(user_table).where(_of_user)


def open_table(url: str, schema: str, *, connections: int) -> Engine:
    """Return an engine for the table at *url*, in *schema* where there are schemas; creates both.

    Raises `InvalidSetting` for a URL of no database that it knows, and for a schema that holds
    another table of this name; `ReadModelUnavailable` when the database cannot be reached.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        message = "the table needs a URL: sqlite:///file.db or postgresql://host/database"
        raise InvalidSetting(message) from error
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, pool_size=connections, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _make_durable)
        schema = ""
    else:
        engine = engine.execution_options(schema_translate_map={None: schema})
    try:
        _create(engine, schema)
    except SQLAlchemyError as error:
        engine.dispose()
        message = f"the table cannot be used: {getattr(error, 'orig', None) or error}"
        raise ReadModelUnavailable(message) from error
    return engine


def _create(engine: Engine, schema: str) -> None:
    with engine.begin() as connection:
        if schema:
            connection.execute(CreateSchema(schema, if_not_exists=True))
        user_table.metadata.create_all(connection)
        there = {
            column["name"] for column in inspect(connection).get_columns("user", schema or None)
        }
    if there != set(user_table.c.keys()):
        message = f"the table 'user' in schema {schema!r} is another one; choose another schema"
        raise InvalidSetting(message)


def _make_durable(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()

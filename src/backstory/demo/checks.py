"""What must hold for users at every moment."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Table, func, select

from backstory.demo.decider import User


def one_row_per_user(table: Table) -> Callable[[Connection], bool]:
    """Return the check that no user has several rows in *table*; it names the first that have."""
    name, rows = table.c.username, func.count()
    several = select(name, rows).group_by(name).having(rows > 1).order_by(name).limit(3)

    def test(connection: Connection) -> bool:
        found = connection.execute(several).all()
        if found:
            message = ", ".join(f"{username} has {count} rows" for username, count in found)
            raise AssertionError(message)
        return True

    return test


def has_a_name(user: User | None) -> bool:
    """Say whether a user that exists has a full name."""
    return user is None or user.full_name.strip() != ""

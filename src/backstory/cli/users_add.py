"""`backstory users add`: somebody who may connect to `backstory serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backstory.cli.parameters import UserName, UsersFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backstory.server.access.users import StoredUser

RoleName = Annotated[
    str,
    typer.Option(
        "--role",
        metavar="ROLE",
        help="reader; writer: append, too; ops: also end streams, scavenge, manage projections; "
        "admin: everything.",
    ),
]


def users_add(name: UserName, *, file: UsersFile, role: RoleName = "reader") -> None:
    """Add a user, or give one another password and role; makes the file.

    The password is asked for; where nobody can answer it is the first line of stdin. The file holds
    only its Argon2 hash. A server reads the file when it starts.
    """
    from backstory.cli.screen import say
    from backstory.core.errors import InvalidSetting
    from backstory.server.access.roles import Role
    from backstory.server.access.users import new_user, write_users

    if role not in list(Role):
        message = f"there is no role {role!r}; there are {', '.join(Role)}"
        raise InvalidSetting(message)
    users = dict(_users_in(file))
    known = name in users
    users[name] = new_user(name, Role(role), _password())
    write_users(file, users)
    say(f"{'changed' if known else 'added'} {name}, {role}, in {file}")


def _users_in(file: Path) -> Mapping[str, StoredUser]:
    from backstory.server.access.users import read_users

    return read_users(file) if file.exists() else {}


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\n")

"""`backstory users list`: who may connect to `backstory serve`."""

from __future__ import annotations

from backstory.cli.parameters import Json, UsersFile


def users_list(*, file: UsersFile, json: Json = False) -> None:
    """List the users with their roles."""
    from backstory.cli.envelope import json_line
    from backstory.cli.screen import write_bytes, write_row
    from backstory.server.access.users import read_users

    for name, user in sorted(read_users(file).items()):
        if json:
            write_bytes([json_line({"name": name, "role": user.role})])
        else:
            write_row(name, user.role)

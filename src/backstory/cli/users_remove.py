"""`backstory users remove`: somebody may connect no more."""

from __future__ import annotations

import typer

from backstory.cli.parameters import UserName, UsersFile


def users_remove(name: UserName, *, file: UsersFile) -> None:
    """Remove a user; exit code 1 when there is none of that name."""
    from backstory.cli.exits import ExitCode
    from backstory.cli.screen import say
    from backstory.server.access.users import read_users, write_users

    users = dict(read_users(file))
    if users.pop(name, None) is None:
        say(f"{file} has no user {name}", style="red")
        raise typer.Exit(ExitCode.FOUND)
    write_users(file, users)
    say(f"removed {name} from {file}")

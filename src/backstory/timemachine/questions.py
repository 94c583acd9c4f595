"""What can be asked at a position: a check, a query, a command, a function of one's own."""

from __future__ import annotations

import asyncio
import importlib
import shlex
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Never, Protocol, cast

from sqlalchemy import Connection, text

from backstory.application import Application, Check
from backstory.core.errors import BisectStopped, InvalidSetting
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.checking import Judgement, judge_model, named_check
from backstory.timemachine.looking import query_rows
from backstory.timemachine.session import Session

SKIP: Final = 125
"""The exit code of a command that cannot tell, as for `git bisect run`."""

_LAST_BAD: Final = 127


class Question(Protocol):
    """Something that can be asked of all read models at a position."""

    @property
    def name(self) -> str:
        """Return what is asked, in words."""
        ...

    async def ask(self, session: Session, position: int) -> Judgement:
        """Return the answer at *position*."""
        ...


class CheckQuestion:
    """Asks a check on read models."""

    def __init__(self, check: Check[Never]) -> None:
        """Ask *check*."""
        self._check = check
        self.name: str = check.name

    async def ask(self, session: Session, position: int) -> Judgement:
        """Return how the check stands."""
        model = await session.at(position)
        return await model.ask(lambda connection: judge_model(self._check, connection))


class QueryQuestion:
    """Asks for rows that must not be."""

    def __init__(self, sql: str) -> None:
        """Ask *sql*; any row that it answers is a failure."""
        self._sql = sql
        self.name: str = sql

    async def ask(self, session: Session, position: int) -> Judgement:
        """Fail when the query answers a row; raises `InvalidSetting` when it is none."""
        model = await session.at(position)

        def look(connection: Connection) -> Judgement:
            found = query_rows(connection, text(self._sql), 1)
            if not found.rows:
                return Judgement(self.name, Verdict.HOLDS)
            row = dict(zip(found.columns, found.rows[0], strict=True))
            return Judgement(self.name, Verdict.FAILS, f"{row}{' and more' * found.more}")

        return await model.ask(look)


class CommandQuestion:
    """Asks a command, by its exit code: 0 holds, 125 cannot tell, any other up to 127 fails."""

    def __init__(self, command: str) -> None:
        """Run *command* in a shell, with `{db}` and `{position}` put in."""
        self._command = command
        self.name: str = command

    async def ask(self, session: Session, position: int) -> Judgement:
        """Return what the command says of a copy of the read models, which it may change.

        Raises `BisectStopped` when it ends by a signal or with a higher exit code.
        """
        await session.at(position)
        with TemporaryDirectory(prefix="backstory-", ignore_cleanup_errors=True) as directory:
            copy = Path(directory, "read-models.db")
            await session.copy_to(copy)
            filled = self._command.replace("{db}", shlex.quote(str(copy)))
            filled = filled.replace("{position}", str(position))
            process = await asyncio.create_subprocess_shell(
                filled, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
            )
            code = await process.wait()
        if code == 0:
            return Judgement(self.name, Verdict.HOLDS)
        if code == SKIP:
            return Judgement(self.name, Verdict.UNKNOWN, f"exit code {SKIP}")
        if 0 < code <= _LAST_BAD:
            return Judgement(self.name, Verdict.FAILS, f"exit code {code}")
        message = (
            f"the command ended with {code} at position {position}: {filled}. 0 stands for good, "
            f"{SKIP} for cannot tell, any other up to {_LAST_BAD} for bad; the search is stopped"
        )
        raise BisectStopped(message)


def named_or_imported(application: Application, name: str, category: str | None) -> Check[Never]:
    """Return the check called *name*, or one that asks the function `module:name`.

    The function is asked about read models, or, with a *category*, about the states of it. Raises
    `InvalidSetting` when there is neither.
    """
    module_name, _, function_name = name.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), function_name)):
        return named_check(application, name)
    try:
        found: object = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        message = f"--fails names a check, or a function as module:name; {name!r}: {error}"
        raise InvalidSetting(message) from error
    if not callable(found):
        message = f"{name!r} is a {type(found).__name__}, and no function"
        raise InvalidSetting(message)
    test = cast("Callable[[Never], bool]", found)
    return Check(name, test, category)

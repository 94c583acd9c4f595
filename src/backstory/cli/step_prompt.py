"""Reading commands and obeying them, until the last one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Final

import msgspec

from backstory.cli.exits import ExitCode
from backstory.cli.process import Interrupted
from backstory.cli.screen import say
from backstory.cli.step_breaks import FORMS
from backstory.cli.step_commands import Commands
from backstory.cli.step_input import Input, commands_in
from backstory.core.errors import BackstoryError, InvalidSetting

if TYPE_CHECKING:
    from backstory.cli.process import Stop


class Verb(msgspec.Struct, frozen=True):
    """A command: its names, long and short, what it takes, and what obeys it."""

    name: str
    short: str
    takes: str
    obeys: Callable[[Commands, str], Coroutine[object, object, None]]
    repeats: bool = False

    @property
    def words(self) -> str:
        """Return what it does, in one sentence."""
        return (self.obeys.__doc__ or "").partition("\n")[0]


VERBS: Final = (
    Verb("next", "n", "[COUNT]", Commands.next, repeats=True),
    Verb("back", "b", "[COUNT]", Commands.back, repeats=True),
    Verb("go", "g", "MOMENT", Commands.go),
    Verb("continue", "c", "", Commands.run_on, repeats=True),
    Verb("reverse-continue", "rc", "", Commands.run_back, repeats=True),
    Verb("break", "br", "BREAKPOINT", Commands.break_at),
    Verb("breaks", "bs", "", Commands.breaks),
    Verb("clear", "cl", "N|all", Commands.clear),
    Verb("where", "w", "", Commands.where),
    Verb("diff", "d", "", Commands.diff),
    Verb("state", "s", "[STREAM]", Commands.state),
    Verb("rows", "r", "TABLE [where COLUMN=VALUE]", Commands.rows),
    Verb("sql", "", "QUERY", Commands.sql),
)
_HELP: Final = ("help", "h", "?")
_QUIT: Final = ("quit", "q", "exit")
_BY_NAME: Final = {name: verb for verb in VERBS for name in (verb.name, verb.short) if name}


async def serve(commands: Commands, stop: Stop) -> int:
    """Obey what stdin says, and return the exit code.

    What is wrong is said, and somebody who types goes on; a pipe of commands ends there, by the
    error that is raised.
    """
    with commands_in(stop) as lines:
        number, last = 0, ""
        try:
            while (line := lines.next(commands.position)) is not None:
                number += 1
                line = line.strip()
                if lines.typed and not line:
                    line = last
                if line.lower() in _QUIT:
                    break
                last = line if _repeats(line) else ""
                await _obey(commands, lines, line, number)
        except Interrupted:
            return stop.exit_code
    return ExitCode.DONE


async def _obey(commands: Commands, lines: Input, line: str, number: int) -> None:
    if not line or line.startswith("#"):
        return
    try:
        if not await lines.obey(_asked(commands, line)):
            say(f"broken off at position {commands.position}", style="yellow")
    except BackstoryError as error:
        if not lines.typed:
            say(f"line {number}: {line}", style="bold red")
            raise
        say(f"error: {error}", style="bold red")


async def _asked(commands: Commands, line: str) -> None:
    name, _, rest = line.partition(" ")
    if name.lower() in _HELP:
        _help()
        return
    await verb_named(name).obeys(commands, rest.strip())


def verb_named(name: str) -> Verb:
    """Return the command called *name*; raises `InvalidSetting` and names the nearest."""
    verb = _BY_NAME.get(name.lower())
    if verb is None:
        known = [*(each.name for each in VERBS), "help", "quit"]
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
        message = f"there is no command {name!r}; did you mean {nearest!r}? `help` lists them all"
        raise InvalidSetting(message)
    return verb


def _repeats(line: str) -> bool:
    verb = _BY_NAME.get(line.partition(" ")[0].lower())
    return verb is not None and verb.repeats


def _help() -> None:
    for verb in VERBS:
        names = f"{verb.name}, {verb.short}" if verb.short else verb.name
        say(f"  {f'{names} {verb.takes}':<42}{verb.words}", style="")
    say(f"  {'help, h':<42}Show this.", style="")
    say(f"  {'quit, q':<42}End; so does Ctrl-D. Ctrl-C ends a command that runs.", style="")
    say(f"A breakpoint is one of: {FORMS}. An empty line repeats n, b, c and rc.")

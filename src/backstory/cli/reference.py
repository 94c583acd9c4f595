"""The reference of the command line, written from the commands themselves.

`python -m backstory.cli.reference` writes docs/reference/cli.md below the present directory; with
`--check` it only tells, by exit code 1, whether the page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Final

from typer.core import TyperArgument, TyperCommand, TyperGroup

from backstory.cli.exits import MEANINGS
from backstory.cli.program import program
from backstory.cli.screen import say
from backstory.cli.variables import commands_of, options_of

PAGE: Final = Path("docs", "reference", "cli.md")

_INTRODUCTION: Final = """\
<!-- Written by `python -m backstory.cli.reference` from the commands. Do not edit. -->

# Command line

Data goes to stdout, words and progress to stderr. In a terminal data is shown in columns and
colours; in a pipe one line each, with tabs between the fields. With `--json` it follows
[a contract](json-output.md). Control characters in data are always written as `\\uXXXX`, so no
event can drive your terminal.

Every option can be given as an environment variable instead; the option wins. Options that may be
repeated take several values with spaces between. A variable that begins with `BACKSTORY_` and
belongs to no option is an error (those that begin with `BACKSTORY_TEST_` are left alone).

`read`, `watch`, `stats` and `verify` never change a store and never create one. (Beside a SQLite
file, SQLite itself may leave a `-wal` and a `-shm` file. They belong to it, and hold no event.)
"""


def reference() -> str:
    """Return the whole page."""
    group = program()
    parts = [_INTRODUCTION, "## Exit codes\n", _table("code", "meaning")]
    parts += [_row(code, meaning) for code, meaning in MEANINGS.items()]
    parts += ["\nA second signal ends any command at once.\n", "## `backstory`\n"]
    parts += _options(group)
    for name, command in commands_of(group):
        parts += _section(name, command)
    return "\n".join(parts).rstrip() + "\n"


def _section(name: str, command: TyperCommand) -> Iterator[str]:
    arguments = [p for p in command.params if isinstance(p, TyperArgument)]
    shown = [
        f"{argument.metavar}" if argument.required else f"[{argument.metavar}]"
        for argument in arguments
    ]
    yield f"\n## `backstory {name}`\n"
    yield f"```sh\n{' '.join(['backstory', name, *shown, '[OPTIONS]'])}\n```\n"
    yield f"{command.help}\n"
    if arguments:
        yield _table("argument", "meaning")
        yield from (_row(f"`{argument.metavar}`", argument.help or "") for argument in arguments)
        yield ""
    yield from _options(command)


def _options(command: TyperCommand | TyperGroup) -> Iterator[str]:
    yield _table("option", "variable", "default", "meaning")
    for option in options_of(command):
        value = "" if option.is_flag else f" {option.metavar}"
        default = "" if option.is_flag or option.default is None else f"`{_shown(option.default)}`"
        names = f"`{', '.join(option.opts)}{value}`"
        yield _row(names, f"`{option.envvar}`", default, option.help or "")


def _shown(default: object) -> object:
    return default.value if isinstance(default, Enum) else default


def _table(*titles: str) -> str:
    return f"{_row(*titles)}\n{_row(*('---' for _ in titles))}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main(arguments: Iterable[str]) -> int:
    """Write or check the page; return the exit code."""
    page = reference()
    if "--check" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    say(f"{PAGE} is out of date: run `python -m backstory.cli.reference`", style="bold red")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

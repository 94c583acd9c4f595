"""Environment variables: one for each option, named after it, and no others.

The option `--limit` of `backstory read` can be given as `BACKSTORY_READ_LIMIT`, that of
`backstory parked list` as `BACKSTORY_PARKED_LIST_LIMIT`. A variable that begins alike and belongs
to no option is refused: it would be a setting that does nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from typer.core import TyperCommand, TyperGroup, TyperOption

from backstory.core.errors import InvalidSetting

_PREFIX: Final = "BACKSTORY_"
_NOT_SETTINGS: Final = ("BACKSTORY_TEST_",)
_ACTIONS: Final = frozenset({"--help", "--version"})
"""Options that do something else than the command; a variable for them would make no sense."""


def options_of(command: TyperCommand | TyperGroup) -> Iterator[TyperOption]:
    """Yield the options of *command* that are settings."""
    for parameter in command.params:
        if isinstance(parameter, TyperOption) and _ACTIONS.isdisjoint(parameter.opts):
            yield parameter


def commands_of(group: TyperGroup, *words: str) -> Iterator[tuple[str, TyperCommand]]:
    """Yield each command of *group* with its name, such as `parked list`, in the order shown."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands_of(command, *words, name)
        else:
            assert isinstance(command, TyperCommand)  # noqa: S101 - Typer makes no others
            yield " ".join([*words, name]), command


def name_variables(program: TyperGroup) -> frozenset[str]:
    """Give every option of *program* its variable, and return their names."""
    named = {_name(option) for option in options_of(program)}
    for name, command in commands_of(program):
        named |= {_name(option, *name.split()) for option in options_of(command)}
    return frozenset(named)


def _name(option: TyperOption, *words: str) -> str:
    long = max(option.opts, key=len).removeprefix("--")
    option.envvar = _PREFIX + "_".join([*words, long]).replace("-", "_").upper()
    return option.envvar


def refuse_unknown(known: Iterable[str], environment: Mapping[str, str]) -> None:
    """Raise `InvalidSetting` for a variable of *environment* that looks like ours and is not."""
    names = sorted(known)
    for variable in sorted(environment):
        ours = variable.startswith(_PREFIX) and not variable.startswith(_NOT_SETTINGS)
        if ours and variable not in names:
            nearest = difflib.get_close_matches(variable, names, n=1, cutoff=0)
            message = (
                f"no setting is called {variable}; did you mean {nearest[0]}? "
                "`backstory COMMAND --help` shows the variable of each option."
            )
            raise InvalidSetting(message)

"""Environment variables: one for each option, named after it, and no others.

The option `--limit` of `backstory read` can be given as `BACKSTORY_READ_LIMIT`. A variable that
begins alike and belongs to no option is refused: it would be a setting that does nothing.
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


def commands_of(program: TyperGroup) -> Iterator[TyperCommand]:
    """Yield the commands of *program*, in the order it shows them."""
    for command in program.commands.values():
        assert isinstance(command, TyperCommand)  # noqa: S101 - Typer makes no others
        yield command


def name_variables(program: TyperGroup) -> frozenset[str]:
    """Give every option of *program* its variable, and return their names."""
    named = {_name(option) for option in options_of(program)}
    for command in commands_of(program):
        named |= {_name(option, command.name) for option in options_of(command)}
    return frozenset(named)


def _name(option: TyperOption, *words: str | None) -> str:
    long = max(option.opts, key=len).removeprefix("--")
    option.envvar = _PREFIX + "_".join([*filter(None, words), long]).replace("-", "_").upper()
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

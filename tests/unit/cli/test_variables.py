from __future__ import annotations

import pytest
from typer.core import TyperGroup

from backstory import InvalidSetting
from backstory.cli.program import program
from backstory.cli.variables import commands_of, name_variables, options_of, refuse_unknown


@pytest.fixture(scope="module")
def group() -> TyperGroup:
    """Give the program."""
    return program()


def test_every_option_has_a_variable_named_after_it(group: TyperGroup) -> None:
    """Nobody has to look a variable up."""
    for name, command in commands_of(group):
        for option in options_of(command):
            words = [*name.split(), option.opts[0].removeprefix("--")]
            assert option.envvar == "BACKSTORY_" + "_".join(words).upper().replace("-", "_")


def test_only_help_and_version_have_no_variable(group: TyperGroup) -> None:
    """Everything that is a setting can be set from outside."""
    without = {
        name
        for command in (group, *(command for _, command in commands_of(group)))
        for option in command.params
        if option.envvar is None
        for name in option.opts
        if name.startswith("-")
    }
    assert without <= {"--version", "--help", "-h"}


def test_no_two_options_share_a_variable(group: TyperGroup) -> None:
    """`watch --from` must not set anything of `read`."""
    options = [option for _, command in commands_of(group) for option in options_of(command)]
    assert len(name_variables(group)) == len(options) + len(list(options_of(group))) > 20


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("BACKSTORY_READ_LIMITS", "BACKSTORY_READ_LIMIT"),
        ("BACKSTORY_DEMOPORT", "BACKSTORY_DEMO_PORT"),
        ("BACKSTORY_DEBUGG", "BACKSTORY_DEBUG"),
    ],
)
def test_a_variable_that_sets_nothing_is_refused_with_the_nearest(
    group: TyperGroup, variable: str, nearest: str
) -> None:
    """A typing error in a deployment is found at the start."""
    with pytest.raises(InvalidSetting, match=f"{variable}; did you mean {nearest}\\?"):
        refuse_unknown(name_variables(group), {variable: ""})


def test_variables_of_others_and_of_tests_are_left_alone(group: TyperGroup) -> None:
    """Only what looks like a setting of ours is judged."""
    environment = {"PATH": "", "BACKSTORYX": "", "MY_BACKSTORY_READ": "", "BACKSTORY_TEST_X": ""}
    refuse_unknown(name_variables(group), {**environment, "BACKSTORY_READ_LIMIT": "3"})

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest
from typer.core import TyperArgument, TyperGroup

import backstory.cli
from backstory.cli.appending import AppendedLine
from backstory.cli.envelope import Envelope
from backstory.cli.lines import EventLine
from backstory.cli.program import program
from backstory.cli.reference import PAGE, main, reference
from backstory.cli.stats_shown import StatsLine
from backstory.cli.variables import commands_of, options_of

ROOT: Final = Path(__file__).parents[3]
CONTRACT: Final = (ROOT / "docs" / "reference" / "json-output.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def group() -> TyperGroup:
    """Give the program."""
    return program()


def test_the_page_in_the_tree_is_what_the_commands_say() -> None:
    """A reference that is written by hand is wrong by the next change."""
    assert (ROOT / PAGE).read_text(encoding="utf-8") == reference()


def test_a_page_that_is_out_of_date_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checking fails until the page was written, and again when it was changed."""
    monkeypatch.chdir(tmp_path)
    PAGE.parent.mkdir(parents=True)
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    PAGE.write_text("old")
    assert main(["--check"]) == 1


def test_every_command_option_and_argument_explains_itself(group: TyperGroup) -> None:
    """Nobody has to read the source."""
    for title, command in commands_of(group):
        assert command.help
        assert f"## `backstory {title}`" in reference()
        for argument in command.params:
            if isinstance(argument, TyperArgument):
                assert argument.help, argument.name
                assert (argument.metavar or "").isupper()
        for option in options_of(command):
            assert option.help, option.opts
            assert option.is_flag or (option.metavar or "").isupper(), option.opts


def test_every_command_has_a_file_of_its_own(group: TyperGroup) -> None:
    """Whoever looks for `backstory watch` opens watch.py."""
    folder = Path(backstory.cli.__path__[0])
    names = [name.replace(" ", "_").replace("-", "_") for name, _ in commands_of(group)]
    assert all((folder / f"{name}.py").is_file() for name in names)


def test_every_command_with_data_offers_json(group: TyperGroup) -> None:
    """What people can read, programs can."""
    without = {
        title
        for title, command in commands_of(group)
        if "--json" not in {name for option in options_of(command) for name in option.opts}
    }
    assert without == {"demo", "serve", "tour", "users add", "users remove"}


@pytest.mark.parametrize(
    ("heading", "shape"),
    [
        ("## `read --json` and `watch --json`", Envelope),
        ("## `append --json`", AppendedLine),
        ("## The lines `append --lines` reads", EventLine),
        ("## `stats --json`", StatsLine),
    ],
)
def test_the_contract_lists_exactly_the_fields_there_are(
    heading: str, shape: type[msgspec.Struct]
) -> None:
    """A field that is written is promised, and a promised one is written."""
    section = CONTRACT.split(heading, 1)[1].split("\n## ", 1)[0]
    cells = re.findall(r"^\| (`.*?`) \|", section, flags=re.MULTILINE)
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(shape.__struct_fields__)

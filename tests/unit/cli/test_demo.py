from __future__ import annotations

from pathlib import Path

import msgspec

from backstory.cli.program import program
from backstory.cli.variables import commands_of, options_of
from backstory.demo.settings import DemoSettings


def test_the_command_offers_every_setting_of_the_service_with_its_default() -> None:
    """`backstory demo` and the service itself agree on what can be set, and on what holds."""
    [demo] = [command for name, command in commands_of(program()) if name == "demo"]
    offered = {option.name: option.default for option in options_of(demo)}
    settings = msgspec.structs.asdict(DemoSettings())
    assert offered == settings
    assert isinstance(settings["data"], Path)

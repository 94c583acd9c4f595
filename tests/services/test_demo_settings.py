from __future__ import annotations

from pathlib import Path

import pytest

from backstory import InvalidSetting
from backstory.demo.settings import DemoSettings, settings_from

PROGRAM = "test"


def test_without_settings_everything_is_in_one_directory() -> None:
    """What `make demo` runs with."""
    settings = settings_from([], {}, program=PROGRAM)
    assert settings == DemoSettings()
    assert (settings.host, settings.port) == ("127.0.0.1", 5000)
    assert settings.store_url == "sqlite:///backstory-demo/events.db"
    assert settings.read_model_url == "sqlite:///backstory-demo/read-model.db"


def test_a_flag_counts_more_than_a_variable() -> None:
    """The nearer setting wins."""
    environment = {"BACKSTORY_DEMO_PORT": "5001", "BACKSTORY_DEMO_HOST": "::1"}
    settings = settings_from(["--port", "5002"], environment, program=PROGRAM)
    assert (settings.host, settings.port) == ("::1", 5002)


def test_every_setting_has_a_flag_and_a_variable() -> None:
    """Whatever starts the service can set everything."""
    values = {
        "data": "/somewhere/else",
        "host": "::1",
        "port": "1",
        "store": "memory:",
        "read_model": "memory:",
        "schema": "s",
        "log_format": "json",
        "as_in_the_tutorial": "true",
    }
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    variables = {f"BACKSTORY_DEMO_{name.upper()}": value for name, value in values.items()}
    by_flag = settings_from(flags, {}, program=PROGRAM)
    assert by_flag == settings_from([], variables, program=PROGRAM)
    assert set(values) == set(DemoSettings.__struct_fields__)
    assert by_flag.store_url == by_flag.read_model_url == "memory:"


@pytest.mark.parametrize("folder", ["with space", "ž", "100%", "#1", "a&b"])
def test_a_directory_may_have_an_unusual_name(tmp_path: Path, folder: str) -> None:
    """The URL of a file in it names that file, nothing else."""
    settings = DemoSettings(data=tmp_path / folder)
    assert settings.read_model_url == f"sqlite:///{tmp_path}/{folder}/read-model.db"
    assert folder in settings.read_model_url
    assert "%25" in settings.store_url or folder != "100%"


@pytest.mark.parametrize("folder", ["what?", "a\0b"])
def test_a_directory_that_a_url_cannot_name_is_refused(folder: str) -> None:
    """Better than a file somewhere else."""
    with pytest.raises(InvalidSetting, match="directory"):
        DemoSettings(data=Path(folder))


@pytest.mark.parametrize("port", ["-1", "65536", "1.5", "http", ""])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    """From a flag and from a variable alike."""
    with pytest.raises(InvalidSetting, match="port"):
        settings_from([f"--port={port}"], {}, program=PROGRAM)
    with pytest.raises(InvalidSetting, match="port"):
        settings_from([], {"BACKSTORY_DEMO_PORT": port}, program=PROGRAM)


def test_an_unknown_variable_is_refused_and_the_nearest_is_named() -> None:
    """A misspelt setting would be one that silently does nothing."""
    with pytest.raises(InvalidSetting, match="did you mean BACKSTORY_DEMO_READ_MODEL"):
        settings_from([], {"BACKSTORY_DEMO_READMODEL": "memory:"}, program=PROGRAM)

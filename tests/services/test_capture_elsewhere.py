"""A capture taken here happens again on another machine: the file, the code, nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.services import purses
from tests.services.command import backstory

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 300


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run *command* in *folder*, with nothing of this process's Python in its environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    configured = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return subprocess.run(  # noqa: S603 - our own programs
        list(map(str, command)),
        capture_output=True,
        check=False,
        cwd=folder,
        env={**kept, **configured},
        text=True,
        timeout=PATIENCE,
    )


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a fresh virtualenv in which the wheel of this tree is installed."""
    folder = tmp_path_factory.mktemp("elsewhere")
    pip = ("-m", "pip", "--quiet", "--disable-pip-version-check")
    built = run(
        *(sys.executable, *pip, "wheel", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", folder, ROOT),
        folder=folder,
    )
    assert built.returncode == 0, built.stderr
    assert run(sys.executable, "-m", "venv", folder / "venv", folder=folder).returncode == 0
    [wheel] = folder.glob("*.whl")
    pins = ROOT / "requirements" / "pins.txt"
    installed = run(
        folder / "venv" / "bin" / "python", *pip, "install", "-c", pins, wheel, folder=folder
    )
    assert installed.returncode == 0, installed.stderr
    return folder


@pytest.mark.timeout(PATIENCE)
def test_a_capture_reproduces_on_another_machine(elsewhere: Path, tmp_path: Path) -> None:
    """In a fresh virtualenv and folder, after the store is gone."""
    url = purses.stored(tmp_path / "events.db", purses.FOUR)
    file = tmp_path / "bug.capture"
    made = backstory(
        *("capture", url, "--app", purses.APP, "--out", str(file)),
        *("--fails", "nobody is in debt", "--json"),
    )
    assert made.code == 0, made.err
    home = elsewhere / "home"
    home.mkdir()
    shutil.copy(file, home)
    shutil.copy(purses.__file__, home)
    (tmp_path / "events.db").unlink()
    file.unlink()
    program = elsewhere / "venv" / "bin" / "backstory"
    done = run(*(program, "reproduce", "bug.capture", "--app", "purses:app", "--json"), folder=home)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["verdict"], shown["moment"]["position"]) == ("REPRODUCED", 4)
    assert shown["findings"][0]["words"].endswith("owes money")
    mended = (home / "purses.py").read_text().replace("purse.c.total < 0", "purse.c.total < -9")
    (home / "purses.py").write_text(mended)
    done = run(program, "reproduce", "bug.capture", "--app", "purses:app", folder=home)
    assert (done.returncode, done.stdout.split("\n")[0]) == (6, "NOT REPRODUCED")

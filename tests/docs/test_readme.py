from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from tests.docs.snippets import ROOT, environment
from tests.servers.databases import name_of
from tests.servers.postgres import PostgresServer

_README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
_BIN: Final = Path(sys.executable).parent

# A person takes longer to type the second line than the row takes to appear; a test does not.
_PATIENTLY: Final = "--retry 50 --retry-all-errors --retry-delay 1"


def blocks(language: str) -> list[str]:
    """Return the readme's code blocks of *language*, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", _README, flags=re.DOTALL | re.MULTILINE)


def run(command: str, directory: Path) -> str:
    """Run one line of the readme as a reader in *directory* would, and return what it prints."""
    command = command.replace(".venv/bin/", f"{_BIN}/")
    done = subprocess.run(  # noqa: S602 - a line of our own readme
        command,
        shell=True,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def demo(directory: Path, port: int, *options: str) -> Iterator[None]:
    """Run the service of the readme in *directory*, as `make demo` does."""
    command = [str(_BIN / "backstory"), "demo", "--port", str(port), *options]
    with subprocess.Popen(command, cwd=directory, env=environment()) as process:  # noqa: S603 - our own command
        try:
            _wait_until_ready(port)
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0


def _wait_until_ready(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    message = "the service was not ready within 30 seconds"
    raise AssertionError(message)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def test_the_two_commands_and_the_two_calls_show_the_user(tmp_path: Path) -> None:
    """What the readme promises first is what happens, also after a restart."""
    _, calls, looks, *_ = blocks("sh")
    created, shown = (json.loads(line) for line in blocks("json")[0].splitlines())
    port = _free_port()
    write, read = calls.replace("5000", str(port)).splitlines()
    with demo(tmp_path, port):
        assert json.loads(run(f"{write} --silent --show-error", tmp_path)) == created
        end = time.monotonic() + 5
        while True:  # who types takes longer than the read model needs
            found = json.loads(run(f"{read} --silent --show-error", tmp_path))
            if "id" in found or time.monotonic() > end:
                break
        assert list(found) == list(shown)
        assert {**found, "createdAt": shown["createdAt"]} == shown
    with demo(tmp_path, port):
        assert json.loads(run(f"{read} --silent --show-error", tmp_path)) == found
    read_events, stats, verify = looks.splitlines()
    assert "user-created" in run(read_events, tmp_path)
    assert "user-created" in run(stats, tmp_path)
    run(verify, tmp_path)


def test_the_tour_is_the_command_that_the_readme_names() -> None:
    """Another test takes it, to its end."""
    _, _, _, tour, *_ = blocks("sh")
    assert tour == ".venv/bin/backstory tour\n"


def test_with_both_in_postgresql_psql_shows_the_row(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """The same service, other URLs; what people look at is an ordinary table."""
    _, calls, _, _, databases, *_ = blocks("sh")
    install, serve, look = databases.splitlines()
    assert install == ".venv/bin/pip install '.[postgres,telemetry]'"
    url, port = postgres.create(), _free_port()
    [given] = set(re.findall(r"postgresql://\S+", databases))
    options = shlex.split(serve.replace(given, url))
    assert options[:2] == [".venv/bin/backstory", "demo"]
    write, read = calls.replace("5000", str(port)).splitlines()
    with demo(tmp_path, port, *options[2:]):
        run(f"{write} --silent --show-error", tmp_path)
        found = json.loads(run(f"{read} --silent --show-error --fail {_PATIENTLY}", tmp_path))
    psql, where, flag, sql = shlex.split(look)
    assert (psql, where, flag) == ("psql", given, "-c")
    assert postgres.psql(name_of(url), sql).startswith(f"{found['id']}|donald-le|")
    assert not list(tmp_path.glob("**/*.db"))


def test_every_verb_of_the_readme_is_a_target_of_the_makefile() -> None:
    """`make` knows every verb that the readme names."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"`make (\w+)`|^make (\w+)", _README, flags=re.MULTILINE))
    for verb in {a or b for a, b in verbs}:
        assert re.search(rf"^{verb}:", makefile, flags=re.MULTILINE), verb


def test_every_link_of_the_readme_leads_somewhere() -> None:
    """No page that is linked is missing."""
    pictures = re.findall(r' (?:src|srcset)="([^"]+)"', _README)
    assert pictures
    for target in pictures + re.findall(r"\]\((?!http)([^)#]+)", _README):
        assert (ROOT / target).exists(), target

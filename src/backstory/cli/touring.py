"""Running the tour: words, a command as one would type it, and what it really says."""

from __future__ import annotations

import shlex
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from backstory.cli.exits import ExitCode
from backstory.cli.screen import console, is_terminal, say, write_row
from backstory.cli.tour_scenes import SCENES, Scene
from backstory.cli.tour_service import UserService
from backstory.core.errors import InvalidSetting
from backstory.explore.visible import visible

_PACE: Final = 3.0
_WIDTH: Final = 78
_PROGRAM: Final = (sys.executable, "-m", "backstory")


class Tour:
    """One tour: its folder, and how quickly it goes on."""

    def __init__(self, pace: float | None, keep: Path | None) -> None:
        """Pause *pace* seconds before each step; leave everything in the folder *keep*."""
        self._pace = (_PACE if is_terminal() else 0) if pace is None else pace
        self._keep = keep

    def run(self) -> int:
        """Show everything, and return the exit code."""
        begun = time.monotonic()
        with self._folder() as folder:
            self._let_it_happen(folder)
            for scene in SCENES:
                if not self._play(scene, folder):
                    return ExitCode.FOUND
            self._pause()
            seconds = time.monotonic() - begun
            self._tell(
                f"That was all, in {seconds:.0f} seconds. Your own application: "
                "backstory reproduce STORE_URL --app package.module:name --at '10 minutes ago'"
            )
            if self._keep is not None:
                say(f"everything is in {folder}; go on by hand from there")
        return ExitCode.DONE

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        if self._keep is None:
            with TemporaryDirectory(prefix="backstory-tour-") as directory:
                yield Path(directory)
            return
        try:
            self._keep.mkdir(parents=True)
        except FileExistsError:
            message = f"{self._keep} is there already; name a new folder"
            raise InvalidSetting(message) from None
        yield self._keep.absolute()

    def _let_it_happen(self, folder: Path) -> None:
        """Run the service twice; the second start is what production calls a deployment."""
        self._tell("A user service, written as the classic tutorial writes it. It starts.")
        with UserService(folder) as service:
            for username, full_name in (
                ("donald-le", "Donald Le"),
                ("ada", "Ada Lovelace"),
                ("grace", "Grace Hopper"),
            ):
                self._request(f"POST /users {username}", service.create(username, full_name))
            service.wait_for(3)
            self._request("GET  /users", service.listed())
        self._tell("It is deployed again: stopped, and started.")
        with UserService(folder) as service:
            service.wait_for(6)
            self._request("GET  /users", service.listed())
        self._tell("Everybody is there twice. It only happens in production. Let us go back.")

    def _play(self, scene: Scene, folder: Path) -> bool:
        """Show one scene; return whether it ended as it should."""
        self._tell(scene.words)
        shown = shlex.join(["backstory", *scene.arguments])
        if scene.typed:
            typed = scene.typed.replace("\n", "\\n")
            shown = f"printf '{typed}' | {shown}"
        self._command(shown)
        done = subprocess.run(  # noqa: S603 - our own program
            [*_PROGRAM, *scene.arguments],
            check=False,
            cwd=folder,
            input=scene.typed.encode() if scene.typed else None,
        )
        if done.returncode == scene.code:
            return True
        say(
            f"error: that should have ended with exit code {scene.code}, not {done.returncode}",
            style="bold red",
        )
        return False

    def _tell(self, words: str) -> None:
        self._pause()
        if is_terminal():
            console().print(f"\n{textwrap.fill(words, _WIDTH)}", style="bold magenta")
        else:
            write_row()
            write_row(f"# {words}")

    def _command(self, shown: str) -> None:
        if is_terminal():
            console().print(f"$ {shown}", style="bold cyan")
        else:
            write_row(f"$ {shown}")

    def _request(self, shown: str, answer: str) -> None:
        if is_terminal():
            console().print(f"  [cyan]{shown}[/cyan]  {visible(answer)}", markup=True)
        else:
            write_row(f"  {shown}  {answer}")

    def _pause(self) -> None:
        if self._pace:
            time.sleep(self._pace)

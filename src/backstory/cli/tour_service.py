"""The user service as in the tutorial, as a process of its own for the tour."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from backstory.core.errors import StoreUnavailable

_PATIENCE: Final = 30.0
_LOOK: Final = 0.05
_LISTENS: Final = re.compile(r"http://\S+?:\d+")


class UserService:
    """A running service that keeps its data in a folder; it ends with the block."""

    def __init__(self, folder: Path) -> None:
        """Keep events and read model in *folder*."""
        self._folder = folder
        self._url = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start it, and return once it answers; raises `StoreUnavailable` when it does not."""
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [
                *(sys.executable, "-m", "backstory", "demo", "--as-in-the-tutorial"),
                *("--data", str(self._folder), "--port", "0"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None  # noqa: S101 - asked for
        said = []
        for line in self._process.stderr:
            said.append(line)
            found = _LISTENS.search(line)
            if found:
                self._url = found[0]
                return self
        message = f"the service did not start: {' '.join(said).strip()}"
        raise StoreUnavailable(message)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()

    def create(self, username: str, full_name: str) -> str:
        """Create a user; return the status and the answer."""
        body = json.dumps({"username": username, "fullName": full_name}).encode()
        headers = {"content-type": "application/json"}
        return self._ask(urllib.request.Request(f"{self._url}/users", body, headers))  # noqa: S310 - our own address

    def listed(self) -> str:
        """Return the names of the users that are shown."""
        with urllib.request.urlopen(f"{self._url}/users", timeout=_PATIENCE) as answer:  # noqa: S310 - our own address
            shown = json.load(answer)
        return ", ".join(user["username"] for user in shown["users"])

    def wait_for(self, rows: int) -> None:
        """Return once *rows* users are shown, or after a while."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            names = self.listed()
            if names and len(names.split(", ")) >= rows:
                return
            time.sleep(_LOOK)

    @staticmethod
    def _ask(request: urllib.request.Request) -> str:
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 - our own address
                return f"{answer.status} {answer.read().decode()}"
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"

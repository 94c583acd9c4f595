"""Which code there was: its revision, the packages around it, and the machine's kind."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

import msgspec

_PATIENCE: Final = 10


class CodeVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The code that an application ran with.

    `revision` is that of git in the folder of the application, None where there is no repository;
    `changed` says that files there differed from it.
    """

    revision: str | None
    changed: bool
    python: str
    platform: str
    packages: Mapping[str, str]


def code_version(folder: Path | None = None) -> CodeVersion:
    """Return the version of the code that runs now; *folder* is the application's, or this one.

    Asks git, if it is there; without it, and outside a repository, there is no revision.
    """
    place = Path.cwd() if folder is None else folder
    revision = _git(place, "rev-parse", "HEAD")
    return CodeVersion(
        revision=revision,
        changed=bool(revision and _git(place, "status", "--porcelain", "--untracked-files=no")),
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        packages=dict(sorted(_packages().items())),
    )


def folder_of(module: str) -> Path | None:
    """Return the folder of an imported *module*, None when it has none."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return None if file is None else Path(file).parent


def different_packages(then: CodeVersion, now: CodeVersion) -> Mapping[str, tuple[str, str]]:
    """Return the packages that both had in other versions, with the version then and now."""
    both = then.packages.keys() & now.packages.keys()
    return {
        name: (then.packages[name], now.packages[name])
        for name in sorted(both)
        if then.packages[name] != now.packages[name]
    }


def _packages() -> Mapping[str, str]:
    found = ((one.metadata["Name"], one.version) for one in distributions())
    return {name.lower(): version for name, version in found if name}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            check=False,
            text=True,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

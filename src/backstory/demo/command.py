"""The command line of `python -m backstory.demo` and of its CRUD twin."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from backstory import BackstoryError, InvalidInput
from backstory.demo.run import UNAVAILABLE, Opening, open_event_sourced, run
from backstory.demo.settings import settings_from

_USAGE = 2


def main(arguments: Sequence[str], *, program: str, opening: Opening = open_event_sourced) -> int:
    """Run the service as *arguments* and the environment say; return the exit code."""
    try:
        return run(settings_from(arguments, os.environ, program=program), opening=opening)
    except BackstoryError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the person who started it reads this
        return _USAGE if isinstance(error, InvalidInput) else UNAVAILABLE

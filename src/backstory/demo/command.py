"""The command line of `python -m backstory.demo` and of its CRUD twin."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from backstory import BackstoryError, InvalidInput
from backstory.demo.as_in_the_tutorial.users import open_as_in_the_tutorial
from backstory.demo.run import UNAVAILABLE, Opening, open_event_sourced, run
from backstory.demo.settings import settings_from

_USAGE = 2


def main(arguments: Sequence[str], *, program: str, opening: Opening = open_event_sourced) -> int:
    """Run the service as *arguments* and the environment say; return the exit code."""
    try:
        settings = settings_from(arguments, os.environ, program=program)
        if settings.as_in_the_tutorial and opening is open_event_sourced:
            opening = open_as_in_the_tutorial
        return run(settings, opening=opening)
    except BackstoryError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the person who started it reads this
        return _USAGE if isinstance(error, InvalidInput) else UNAVAILABLE

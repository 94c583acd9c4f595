"""What is shown on the tour: words, a command, and how it must end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from backstory.cli.exits import ExitCode

EVENTS: Final = "events.db"
READ_MODEL: Final = "read-model.db"
APPLICATION: Final = "backstory.demo.as_in_the_tutorial.app:users"
CHECK: Final = "one row per user"
_STORE: Final = f"sqlite:///{EVENTS}"
_CAPTURE: Final = "bug.capture"


class Scene(msgspec.Struct, frozen=True):
    """A step of the tour: `words`, the arguments of a command, and its exit code.

    `typed` is what is typed into it.
    """

    words: str
    arguments: tuple[str, ...]
    code: int = ExitCode.DONE
    typed: str = ""


_APP: Final = ("--app", APPLICATION)
SCENES: Final[Sequence[Scene]] = (
    Scene("Is it the events? Three users, three events: the log is right.", ("read", _STORE)),
    Scene(
        "The application knows what must hold. Live, it does not.",
        ("check", _STORE, *_APP, "--read-model", f"sqlite:///{READ_MODEL}"),
        ExitCode.FOUND,
    ),
    Scene(
        "Take the moment away in one file. Names in it are pseudonyms.",
        ("capture", _STORE, *_APP, "--out", _CAPTURE),
    ),
    Scene(
        "On the laptop, from the file alone: every event delivered once.",
        ("reproduce", _CAPTURE, "--fails", CHECK),
        ExitCode.NOT_REPRODUCED,
    ),
    Scene(
        "So the handlers are right about each event. What if events are delivered again, as a "
        "follower without a checkpoint does at every start?",
        ("reproduce", _CAPTURE, "--fails", CHECK, "--redeliver"),
    ),
    Scene(
        "REPRODUCED. How did the table look after the second event?",
        ("as-of", _CAPTURE, *_APP, "--at", "2", "--table", "user", "--redeliver"),
    ),
    Scene(
        "Which event is the first that breaks it? Halving finds out.",
        ("bisect", _CAPTURE, *_APP, "--fails", CHECK, "--redeliver"),
    ),
    Scene(
        "Step to it, let it happen, and look at what it writes.",
        ("step", _CAPTURE, *_APP, "--at", "1", "--redeliver"),
        typed="next\nquit\n",
    ),
    Scene(
        "One event, two rows: an INSERT into a table without a unique key. The service of "
        "`backstory demo` moves its checkpoint in the same transaction as its rows; so it "
        "holds.",
        ("check", _CAPTURE, "--app", "backstory.demo.app:users"),
    ),
)
"""Every step, in order."""

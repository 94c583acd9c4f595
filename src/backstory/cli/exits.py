"""Exit codes: what a script may rely on."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from backstory.core.errors import (
    BackstoryError,
    CaptureDamaged,
    InvalidInput,
    OutcomeUnknown,
    ReadModelUnavailable,
    ReadModelVersionUnsupported,
    RebuildRefused,
    SchemaError,
    SnapshotDamaged,
    StoreClosed,
    StoreDamaged,
    StoreUnavailable,
    StoreVersionUnsupported,
)


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    FOUND = 1
    USAGE = 2
    UNAVAILABLE = 3
    UNUSABLE = 4
    DIFFERS = 5
    NOT_REPRODUCED = 6
    UNKNOWN = 7


INTERRUPTED: Final = 128
"""Plus the number of the signal that ended a command before it was done."""

MEANINGS: Final = {
    "0": "done; also when the reader of the output had enough (as in `… | head`), and when a "
    "signal ends `watch`, `work` or `demo`",
    "1": "something is wrong: a fault was found, a revision was not as expected, a projection "
    "failed, events are still parked; a check fails; nothing is there that was looked for",
    "2": "a wrong option, argument, variable or input; a rebuild that is refused",
    "3": "the store cannot be reached, opened or written now; for `demo` also: the port is taken",
    "4": "the store, a snapshot or a capture is damaged, edited, of another program, or of a newer "
    "version",
    "5": "`rebuild --compare-only`: the rows differ, or there was nothing to compare; `diff`: "
    "there are differences",
    "6": "`reproduce`: NOT REPRODUCED; `capture --fails`: the check does not fail in the capture",
    "7": "`reproduce`, `check`, `bisect`: it cannot be told, because a check or a replay failed "
    "itself",
    "130, 143": "Ctrl-C or SIGTERM ended another command early; what it had written is complete",
}
"""Every exit code and what it says."""

_CODES: Final = (
    (InvalidInput, ExitCode.USAGE),
    (RebuildRefused, ExitCode.USAGE),
    (StoreDamaged, ExitCode.UNUSABLE),
    (SnapshotDamaged, ExitCode.UNUSABLE),
    (CaptureDamaged, ExitCode.UNUSABLE),
    (StoreVersionUnsupported, ExitCode.UNUSABLE),
    (SchemaError, ExitCode.UNUSABLE),
    (ReadModelVersionUnsupported, ExitCode.UNUSABLE),
    (StoreUnavailable, ExitCode.UNAVAILABLE),
    (StoreClosed, ExitCode.UNAVAILABLE),
    (OutcomeUnknown, ExitCode.UNAVAILABLE),
    (ReadModelUnavailable, ExitCode.UNAVAILABLE),
)


def exit_code_of(error: BackstoryError) -> ExitCode:
    """Return the exit code that tells a script of *error*."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.FOUND

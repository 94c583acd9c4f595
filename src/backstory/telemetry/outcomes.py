"""How something ended, in one of a few words: values for labels and attributes."""

from __future__ import annotations

import asyncio
from typing import Final

from backstory.core.errors import (
    CheckpointMoved,
    CommandRejected,
    InvalidInput,
    OutcomeUnknown,
    ReadModelUnavailable,
    StoreUnavailable,
    TooManyConflicts,
)
from backstory.core.expected import WrongExpectedRevision

OK: Final = "ok"
FAILED: Final = "failed"

_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (WrongExpectedRevision, "conflict"),
    (TooManyConflicts, "conflict"),
    (CommandRejected, "rejected"),
    (InvalidInput, "refused"),
    (OutcomeUnknown, "unknown"),
    (StoreUnavailable, "unavailable"),
    (ReadModelUnavailable, "unavailable"),
    (CheckpointMoved, "moved"),
    (asyncio.CancelledError, "cancelled"),
)

ANSWERS: Final = frozenset({OK, "conflict", "rejected", "refused", "moved"})
"""Outcomes that are answers; the others are failures."""


def outcome_of(error: BaseException) -> str:
    """Return the word for what *error* says."""
    for kind, word in _WORDS:
        if isinstance(error, kind):
            return word
    return FAILED

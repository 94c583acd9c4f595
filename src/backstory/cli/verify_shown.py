"""Faults as JSON: the contract of `verify --json`, written down in docs/reference."""

from __future__ import annotations

import msgspec

from backstory.cli.envelope import json_line
from backstory.core.store import Fault


class FaultLine(msgspec.Struct, frozen=True):
    """A line for each fault."""

    fault: Fault


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How the check ended."""

    checked_to: int
    faults: int


class SummaryLine(msgspec.Struct, frozen=True):
    """The last line, there only when the check came to its end."""

    summary: Summary


def as_json(fault: Fault) -> bytes:
    """Return *fault* as one line of JSON."""
    return json_line(FaultLine(fault))


def summary(checked_to: int, faults: int) -> bytes:
    """Return how the check ended as one line of JSON."""
    return json_line(SummaryLine(Summary(checked_to=checked_to, faults=faults)))

"""How checks stand, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from backstory.cli.envelope import json_line
from backstory.cli.screen import console, is_terminal, write_bytes, write_row
from backstory.explore.visible import visible
from backstory.timemachine.bisecting import Verdict

if TYPE_CHECKING:
    from backstory.timemachine.checking import Judgement

MARKS: Final = {
    Verdict.HOLDS: ("✔", "green"),
    Verdict.FAILS: ("✘", "bold red"),
    Verdict.UNKNOWN: ("?", "yellow"),
}
"""The sign of each verdict, and its colour."""


class JudgementLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `check --json` writes of each check, in this order."""

    check: str
    verdict: str
    words: str


def write_judgements(judgements: Sequence[Judgement], *, json: bool) -> None:
    """Write each of *judgements*."""
    if json:
        lines = (
            JudgementLine(check=one.check, verdict=one.verdict.value, words=one.words)
            for one in judgements
        )
        write_bytes(map(json_line, lines))
    elif is_terminal():
        for one in judgements:
            mark, style = MARKS[one.verdict]
            words = f": {one.words}" if one.words else ""
            console().print(visible(f"{mark} {one.check} {one.verdict.value}{words}"), style=style)
    else:
        for one in judgements:
            write_row(one.verdict.value, one.check, one.words)

from __future__ import annotations

import re
from typing import Final

from tests.docs.snippets import ROOT

_PAGE: Final = ROOT / "docs" / "reference" / "guarantees.md"
_CONTRACT: Final = "src/backstory/testing/contract/"
_ROW: Final = re.compile(r"^\| (?!promise|-)(?P<promise>.+) \| (?P<proof>.+) \|$", re.MULTILINE)
_PROOF: Final = re.compile(r"`(?P<file>[\w/]+\.py): (?P<test>test_\w+)`")


def test_every_guarantee_names_a_test_that_exists() -> None:
    """A promise stands on the page only with its proof."""
    rows = list(_ROW.finditer(_PAGE.read_text(encoding="utf-8")))
    assert len(rows) > 30
    missing = [row["promise"] for row in rows if not _is_proved(row["proof"])]
    assert missing == []


def _is_proved(proof: str) -> bool:
    named = _PROOF.fullmatch(proof)
    if named is None:
        return False
    path = ROOT / re.sub("^contract/", _CONTRACT, named["file"])
    return path.exists() and f"def {named['test']}(" in path.read_text(encoding="utf-8")

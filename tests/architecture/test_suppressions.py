from __future__ import annotations

import re
import tokenize
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.tree import python_files, shown

SUPPRESSION: Final = re.compile(
    r"(?P<kind>ruff: noqa|noqa|type: ignore|pyright: ignore|pragma: no (?:cover|branch))"
    r"(?P<codes>:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[^\]]*\])?"
    r"(?P<reason>.*)"
)
WORDS: Final = re.compile(r"[A-Za-z]{2,}")


def _is_unexplained(comment: str) -> bool:
    found = SUPPRESSION.search(comment)
    return found is not None and len(WORDS.findall(found["reason"])) < 2


def _comments(path: Path) -> list[tuple[int, str]]:
    with path.open("rb") as file:
        tokens = tokenize.tokenize(file.readline)
        return [
            (token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT
        ]


def test_every_suppression_gives_its_reason_on_its_line() -> None:
    """A check is switched off for a reason, or not at all."""
    unexplained = [
        f"{shown(path)}:{line} {comment}"
        for path in python_files("src", "tests", "bench", "requirements")
        for line, comment in _comments(path)
        if _is_unexplained(comment)
    ]
    assert unexplained == []


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S608",
        "# noqa: S608, E501",
        "# type: ignore[arg-type]",
        "# pragma: no cover",
        "# noqa: S608 - x",
    ],
)
def test_a_bare_suppression_is_found(comment: str) -> None:
    """The search above is not blind."""
    assert _is_unexplained(comment)


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: S608 - a column of ours",
        "# type: ignore[arg-type]  # the stub is wrong",
        "# pragma: no cover - only on Windows",
        "# a plain remark",
    ],
)
def test_an_explained_suppression_is_accepted(comment: str) -> None:
    """A reason of two words is enough."""
    assert not _is_unexplained(comment)

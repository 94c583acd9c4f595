from __future__ import annotations

import pytest

from backstory import ANY, NO_STREAM, STREAM_EXISTS, Expected, InvalidSetting
from backstory.cli.expectation import expectation_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("any", ANY),
        ("no-stream", NO_STREAM),
        ("stream-exists", STREAM_EXISTS),
        ("0", 0),
        ("12", 12),
    ],
)
def test_each_expectation_has_a_word(text: str, expected: Expected) -> None:
    """What code can require, the command line can."""
    assert expectation_of(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "ANY", "1.0", "\u0661", "no_stream", " 1"])
def test_anything_else_is_refused(text: str) -> None:
    """A requirement that was misread would be no requirement."""
    with pytest.raises(InvalidSetting, match="no-stream"):
        expectation_of(text)

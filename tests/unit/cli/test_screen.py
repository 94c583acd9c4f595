from __future__ import annotations

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.cli.screen import visible_json
from backstory.explore.visible import visible

HOSTILE: Final = {
    "escape": "\x1b[2J",
    "bell": "\a",
    "line break": "\n",
    "tabulator": "\t",
    "delete": "\x7f",
    "eight-bit escape": "\x9b31m",
    "right to left": "\u202eexe",
    "zero width": "a\u200bb",
    "line separator": "\u2028",
    "surrogate": "\ud800",
    "tag": "\U000e0041",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_could_drive_a_terminal_is_spelled_out(text: str) -> None:
    """A stranger's event must not clear the screen of whoever reads it."""
    shown = visible(text)
    assert shown.isprintable()
    assert json.loads(f'"{shown}"') == text


@pytest.mark.parametrize("text", ["", "plain", "Müller", "山田\u3000太郎", "🎉", "c:\\dir", "é"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    """Escaping is for what cannot be seen."""
    assert visible(text) == text


@given(st.text())
def test_safe_json_means_the_same(text: str) -> None:
    """Programs get the value that was stored, terminals only what they can show."""
    document = json.dumps({text: text}, ensure_ascii=False).encode()
    shown = visible_json(document)
    assert json.loads(shown) == {text: text}
    assert all(character.isprintable() or character.isspace() for character in shown.decode())
    assert b"\n" not in shown

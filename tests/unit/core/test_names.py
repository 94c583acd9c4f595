"""Names: every alphabet is welcome, what misleads readers is not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import InvalidName
from backstory.core.names import (
    MAX_NAME_BYTES,
    category_of,
    check_event_type,
    check_stream_name,
)


@pytest.mark.parametrize(
    "name",
    [
        *("user-donald-le", "a", "$settings", "../../etc/passwd", "a/b\\c", ".", "user-", "-"),
        *("größe", "用户-一", "пользователь", "مستخدم", "emoji-🦆", "a b", "%00", "'; DROP TABLE"),
        *("e\u0301", "x" * MAX_NAME_BYTES, "é" * (MAX_NAME_BYTES // 2)),
    ],
)
def test_a_name_people_can_read_is_taken_as_it_is(name: str) -> None:
    """Nothing is escaped, folded or normalised."""
    assert check_stream_name(name) == name
    assert check_event_type(name) == name


@pytest.mark.parametrize(
    ("mark", "codepoint"),
    [
        ("\x00", "U+0000"),
        ("\n", "U+000A"),
        ("\x1b", "U+001B"),
        ("\x7f", "U+007F"),
        ("\x85", "U+0085"),
        ("\u00ad", "U+00AD"),
        ("\u061c", "U+061C"),
        ("\u180e", "U+180E"),
        ("\u200b", "U+200B"),
        ("\u200d", "U+200D"),
        ("\u202e", "U+202E"),
        ("\u2028", "U+2028"),
        ("\u2066", "U+2066"),
        ("\ud800", "U+D800"),
        ("\udfff", "U+DFFF"),
        ("\ufeff", "U+FEFF"),
        ("\ufffb", "U+FFFB"),
    ],
)
def test_a_character_that_misleads_readers_is_refused_and_named(mark: str, codepoint: str) -> None:
    """The message shows the character by its number: shown as it is, it would mislead again."""
    with pytest.raises(InvalidName) as caught:
        check_stream_name(f"user-{mark}x")
    assert codepoint in str(caught.value)
    assert "at 5" in str(caught.value)
    assert str(caught.value).isascii()


@given(st.characters())
def test_no_control_or_direction_character_ever_gets_through(character: str) -> None:
    """Whatever Unicode calls a control, a line separator or an explicit direction is refused."""
    category = unicodedata.category(character)
    directing = unicodedata.bidirectional(character) in {
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }
    if category in {"Cc", "Cs", "Zl", "Zp"} or directing:
        with pytest.raises(InvalidName):
            check_event_type(f"x{character}")
    elif category[0] in "LN":
        assert check_event_type(f"x{character}") == f"x{character}"


@pytest.mark.parametrize("name", ["", " ", "\u3000  "])
def test_an_invisible_name_is_refused(name: str) -> None:
    """A name needs something to see."""
    with pytest.raises(InvalidName, match="at least one visible character"):
        check_stream_name(name)


@pytest.mark.parametrize("name", [None, 7, b"user-a", ["user-a"]])
def test_a_name_that_is_no_text_is_refused(name: object) -> None:
    """Callers without a type checker get the same answer, as an error of ours."""
    with pytest.raises(InvalidName, match="is text, not"):
        check_stream_name(name)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    "name", ["x" * (MAX_NAME_BYTES + 1), "é" * (MAX_NAME_BYTES // 2) + "x", "x" * 4_096]
)
def test_a_name_that_is_too_long_is_refused_by_its_bytes(name: str) -> None:
    """The limit counts bytes, the message shows only the beginning."""
    with pytest.raises(InvalidName) as caught:
        check_event_type(name)
    assert f"{len(name.encode()):,} bytes; the limit is 1,000" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_name_of_the_whole_log_is_reserved_for_streams_alone() -> None:
    """`$all` is no stream; as an event type it is like any other."""
    with pytest.raises(InvalidName, match="names the whole log"):
        check_stream_name("$all")
    assert check_event_type("$all") == "$all"


@pytest.mark.parametrize(
    ("stream", "category"),
    [("user-donald-le", "user"), ("user", "user"), ("-x", ""), ("user-", "user")],
)
def test_a_category_is_what_stands_before_the_first_dash(stream: str, category: str) -> None:
    """Everything after the first dash belongs to the key."""
    assert category_of(stream) == category

"""Breakpoints as they are written on a command line."""

from __future__ import annotations

import pytest

from backstory.application import Application
from backstory.cli.step_breaks import breakpoint_of, conditions_of
from backstory.core.errors import InvalidInput
from backstory.core.read import Read
from tests.unit.projections.members import members_projection, schema

CLUB = Application(name="club", schema=schema, projections=(members_projection(),))


@pytest.mark.parametrize(
    ("text", "words", "among"),
    [
        ("type joined", "type joined", Read(types=("joined",))),
        ("stream 'member-ann b'", "stream member-ann b", Read(stream="member-ann b")),
        ("stream member-a*", "stream member-a*", Read(category="member")),
        ("category member", "category member", Read(category="member")),
        ("failure", "failure", None),
        ("path member.full_name", "path member.full_name", None),
        (
            "path member.full_name where name='ann b' and renamed=2",
            "path member.full_name where name=ann b and renamed=2",
            None,
        ),
        ("path member where name=ann", "path member where name=ann", None),
        ("path member-ann:name.full", "path member-ann:name.full", Read(stream="member-ann")),
        ("path a:b:", "path a:b:", Read(stream="a:b")),
        ("where event.name == 'ann b'", "where event.name == 'ann b'", None),
    ],
)
def test_what_is_written_is_what_is_broken_at(text: str, words: str, among: Read | None) -> None:
    """The words are shown again, and say where a run can jump to."""
    found = breakpoint_of(text, CLUB)
    assert (found.words, found.among) == (words, among)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no breakpoint; write one of"),
        ("types joined", "is no breakpoint"),
        ("type", "is no breakpoint"),
        ("failure now", "is no breakpoint"),
        ("type joined left", "more than one name"),
        ("stream 'member", "No closing quotation"),
        ("category member-ann", "a category ends at the first '-'"),
        ("path full_name", "did you mean member.full_name?"),
        ("path member.fullname", "has no column 'fullname'"),
        ("path member.name where", "is no condition"),
        ("path member.name when name=ann", "is no condition"),
        ("path member.name where name", "write COLUMN=VALUE"),
        ("path member.name where name=ann or name=bob", "is no condition"),
        ("path member.name where nmae=ann", "has no column 'nmae'"),
        ("path member-ann:name where name=ann", "is too much"),
        ("where event ==", "is no Python expression"),
    ],
)
def test_what_could_never_be_met_is_refused_in_clear_words(text: str, words: str) -> None:
    """The message says what to write instead."""
    with pytest.raises(InvalidInput) as refused:
        breakpoint_of(text, CLUB)
    assert words in str(refused.value)


def test_conditions_are_joined_by_and() -> None:
    """In any case of letters."""
    assert conditions_of([]) == {}
    assert conditions_of(["WHERE", "a=1", "And", "b=x=y"]) == {"a": "1", "b": "x=y"}

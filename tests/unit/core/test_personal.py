from __future__ import annotations

from typing import Annotated, get_type_hints

import msgspec

from backstory.core.personal import Personal


class Joined(msgspec.Struct):
    """Marks in both ways of writing them."""

    name: Annotated[str, Personal]
    email: Annotated[str, Personal("email")]


def test_a_mark_changes_nothing_about_how_a_model_is_read() -> None:
    """It is a word to scrubbing, and to nobody else."""
    joined = msgspec.json.decode(b'{"name":"Ann","email":"a@b.org"}', type=Joined)
    assert (joined.name, joined.email) == ("Ann", "a@b.org")


def test_a_mark_says_what_it_was_given() -> None:
    """Without arguments it may be written without parentheses."""
    hints = get_type_hints(Joined, include_extras=True)
    assert hints["name"].__metadata__ == (Personal,)
    assert hints["email"].__metadata__ == (Personal("email"),)
    assert Personal() == Personal("", drop=False) != Personal(drop=True)

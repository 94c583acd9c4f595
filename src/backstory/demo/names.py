"""What a username and a full name may be: the rules, once, for checking and for documentation.

A username is part of a stream name, of URLs and of what people read in terminals, so its alphabet
is small. Upper and lower case differ: `Donald` and `donald` are two users. A full name is written
in any alphabet, without characters that hide or reorder the others; it is stored as it was sent.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

MAX_LENGTH: Final = 100

# `$` alone would let a line break at the end pass.
_END: Final = r"$(?!\n)"
USERNAME_PATTERN: Final = rf"^[A-Za-z0-9]([A-Za-z0-9._\-]{{0,98}}[A-Za-z0-9])?{_END}"
USERNAME_RULE: Final = (
    "1 to 100 letters and digits of ASCII, with '.', '_' and '-' allowed between them"
)

# Controls, line separators, marks of direction, invisible and unassignable characters.
_MISLEADING: Final = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\uffff"
)
FULL_NAME_PATTERN: Final = rf"^[^\s{_MISLEADING}]([^{_MISLEADING}]*[^\s{_MISLEADING}])?{_END}"
FULL_NAME_RULE: Final = (
    "1 to 100 characters without control, invisible or direction characters, "
    "and with no white space at either end"
)

Username: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_LENGTH,
        pattern=USERNAME_PATTERN,
        description=f"{USERNAME_RULE}; upper and lower case differ",
        examples=["donald-le"],
    ),
]
FullName: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_LENGTH,
        pattern=FULL_NAME_PATTERN,
        description=FULL_NAME_RULE,
        examples=["Donald Le"],
    ),
]

RULES: Final = {"username": USERNAME_RULE, "fullName": FULL_NAME_RULE}
"""What each field must be, in words for whoever sent something else."""

_username: Final = re.compile(USERNAME_PATTERN)


def is_username(text: str) -> bool:
    """Tell whether there can be a user called *text*."""
    return _username.match(text) is not None

"""What `--expected` says."""

from __future__ import annotations

from typing import Final

from backstory.core.errors import InvalidSetting
from backstory.core.expected import ANY, NO_STREAM, STREAM_EXISTS, Expected, check_expected

_NAMED: Final[dict[str, Expected]] = {
    "any": ANY,
    "no-stream": NO_STREAM,
    "stream-exists": STREAM_EXISTS,
}


def expectation_of(text: str) -> Expected:
    """Return what *text* requires of a stream; raises `InvalidSetting` when it says nothing."""
    if text in _NAMED:
        return _NAMED[text]
    if text.isascii() and text.isdigit():
        return check_expected(int(text))
    message = f"--expected is {', '.join(_NAMED)} or a revision, not {text!r}"
    raise InvalidSetting(message)

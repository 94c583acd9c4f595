"""Names of streams and event types, and how large things may be.

A name is text that people read in terminals, URLs and audits. Slashes, dots and every alphabet are
welcome; characters that hide or reorder the others are not, because two names that look the same
must be the same.
"""

from __future__ import annotations

import re

from backstory.core.errors import InvalidName

MAX_NAME_BYTES = 1_000
"""Longest stream name or event type, in UTF-8 bytes."""

MAX_EVENT_BYTES = 16 * 1024 * 1024 - 1
"""Largest event (data plus metadata), in bytes: just under 16 MiB, as KurrentDB has it."""

MAX_APPEND_BYTES = 64 * 1024 * 1024
"""Largest append (all its events), in bytes."""

MAX_APPEND_EVENTS = 10_000
"""Most events in one append."""

# Control characters, lone surrogates, zero-width marks, marks that change the direction of text.
_MISLEADING = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_ALL = "$all"


def category_of(stream: str) -> str:
    """Return what stands before the first `-` of *stream*; all of it when there is none."""
    return stream.partition("-")[0]


def check_stream_name(name: str) -> str:
    """Return *name* when events may be appended to a stream called so.

    Raises `InvalidName` when it is not text, is empty, is longer than `MAX_NAME_BYTES`, holds
    control or direction characters, or is the reserved `$all`.
    """
    if name == _ALL:
        message = "'$all' names the whole log and cannot be appended to; choose a stream"
        raise InvalidName(message)
    return _check(name, "stream name")


def check_event_type(name: str) -> str:
    """Return *name* when it can be an event type; raises `InvalidName` as for stream names."""
    return _check(name, "event type")


def _check(name: str, what: str) -> str:
    if type(name) is not str:
        message = f"a {what} is text, not {type(name).__name__}"
        raise InvalidName(message)
    if not name or name.isspace():
        message = f"a {what} needs at least one visible character"
        raise InvalidName(message)
    found = _MISLEADING.search(name)
    if found:
        message = (
            f"the {what} {_shown(name)} holds U+{ord(found.group()):04X} at {found.start()}; "
            "control, zero-width and direction characters are refused because they mislead readers"
        )
        raise InvalidName(message)
    size = len(name) if name.isascii() else len(name.encode())
    if size > MAX_NAME_BYTES:
        message = f"the {what} {_shown(name)} has {size:,} bytes; the limit is {MAX_NAME_BYTES:,}"
        raise InvalidName(message)
    return name


def _shown(name: str) -> str:
    longest = 60
    return ascii(name if len(name) <= longest else name[:longest] + "…")

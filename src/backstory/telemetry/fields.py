"""What a log line holds: plain values of bounded length, and never a payload."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import PurePath
from typing import Final, TypeAlias
from uuid import UUID

from backstory.core.ambient import correlation, traceparent
from backstory.telemetry.failures import message_of

Plain: TypeAlias = str | int | float | bool | None

MOST_TEXT: Final = 4_000
_STANDARD: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}
)


def message_in(record: logging.LogRecord) -> str:
    """Return the message of *record*, also when its arguments do not fit it."""
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 - a line that cannot be formatted must still be seen
        text = str(record.msg)
    return shortened(text)


def fields_of(record: logging.LogRecord, *, messages: bool) -> dict[str, Plain]:
    """Return what `extra` gave *record*, each value plain."""
    return {
        name: plain(value, messages=messages)
        for name, value in vars(record).items()
        if name not in _STANDARD
    }


def surroundings() -> Mapping[str, str]:
    """Return the correlation and the span that the line is written in, as far as there are any."""
    found: dict[str, str] = {}
    correlation_id, parent = correlation(), traceparent()
    if correlation_id is not None:
        found["correlation_id"] = shortened(correlation_id)
    if parent is not None and parent.count("-") == _DASHES:
        _, found["trace_id"], found["span_id"], _ = parent.split("-")
    return found


_DASHES: Final = 3


def plain(value: object, *, messages: bool = False) -> Plain:
    """Return *value* as JSON has it; of what may be a payload, the name of its type."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str | UUID | datetime | PurePath):
        return shortened(str(value))
    said = message_of(value, messages=messages) if isinstance(value, BaseException) else None
    return f"<{type(value).__qualname__}>" if said is None else shortened(said)


def shortened(text: str) -> str:
    """Return *text* as valid Unicode of bounded length."""
    if len(text) > MOST_TEXT:
        text = f"{text[:MOST_TEXT]}…"
    # A surrogate on its own comes from bytes that were no UTF-8, and no parser takes it.
    return text.encode("utf-8", "backslashreplace").decode()

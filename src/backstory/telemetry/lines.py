"""Log lines, for programs as JSON and for people as text. No value can end a line or forge one."""

from __future__ import annotations

import json
import logging
import unicodedata
from typing import Final

from backstory.core.clock import from_microseconds
from backstory.telemetry.failures import Failure, failures_of
from backstory.telemetry.fields import Plain, fields_of, message_in, shortened, surroundings

_INDENT: Final = "    "


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, where it belongs, and its fields.

    A field that has the name of one of these is called `field_` and its name.
    """

    def __init__(self, *, messages: bool = False) -> None:
        """Withhold the words of strangers' errors unless *messages* is true; see `failures`."""
        super().__init__()
        self._messages = messages

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": message_in(record),
            **surroundings(),
        }
        failures = _failures(record, messages=self._messages)
        if failures:
            line["error"] = _nested(failures)
        for name, value in fields_of(record, messages=self._messages).items():
            line[f"field_{name}" if name in line else name] = value
        # In ASCII, so that nothing which some reader takes for the end of a line is in it.
        return json.dumps(line)


class TextLines(logging.Formatter):
    """A line to read: time, level, logger, message, then `name=value`; an error's stack below."""

    def __init__(self, *, messages: bool = False) -> None:
        """Withhold the words of strangers' errors unless *messages* is true; see `failures`."""
        super().__init__()
        self._messages = messages

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        fields = {**fields_of(record, messages=self._messages), **surroundings()}
        words = [f"{name}={_value(value)}" for name, value in fields.items()]
        head = f"{_time(record)} {record.levelname:<7} {record.name}: {message_in(record)}"
        lines = [visible("  ".join([head, " ".join(words)] if words else [head]))]
        for failure in _failures(record, messages=self._messages):
            lines.append(visible(_INDENT + _title(failure)))
            lines.extend(visible(f"{_INDENT * 2}{frame}") for frame in failure.stack)
        return "\n".join(lines)


def visible(text: str) -> str:
    r"""Return *text* with whatever is not plainly visible as `\uXXXX`."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def _time(record: logging.LogRecord) -> str:
    moment = from_microseconds(int(record.created * 1_000_000))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _failures(record: logging.LogRecord, *, messages: bool) -> list[Failure]:
    error = record.exc_info[1] if record.exc_info else None
    return [] if error is None else list(failures_of(error, messages=messages))


def _title(failure: Failure) -> str:
    said = failure.message
    return failure.type if said is None else f"{failure.type}: {shortened(said)}"


def _nested(failures: list[Failure]) -> dict[str, object]:
    nested: dict[str, object] = {}
    for failure in reversed(failures):
        told: dict[str, object] = {"type": failure.type, "stack": failure.stack}
        if failure.message is not None:
            told["message"] = shortened(failure.message)
        if nested:
            told["cause"] = nested
        nested = told
    return nested


def _value(value: Plain) -> str:
    text = str(value)
    # Quoted when it could be taken for more than one value.
    return text if text and text.isprintable() and not set(' "=') & set(text) else json.dumps(text)

"""The log of a search: every answer, so that it can be gone on with, or looked at again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import msgspec

from backstory.core.errors import InvalidSetting
from backstory.timemachine.bisecting import Verdict


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What was searched, and where: a log goes on only where all of it is the same.

    `end` is the id of the event at the upper end: another log has another one.
    """

    question: str
    application: str
    good: int
    bad: int
    end: str | None
    redeliver: bool


class Answer(msgspec.Struct, frozen=True):
    """One answer, at a position."""

    position: int
    verdict: Verdict
    words: str = ""


class BisectLog:
    """A file of JSON lines: the header, then each answer as it comes."""

    def __init__(self, file: TextIO | None) -> None:
        """Write to *file*, or nowhere."""
        self._file = file

    def add(self, answer: Answer) -> None:
        """Write *answer*; it is in the file when this returns."""
        if self._file is not None:
            self._file.write(msgspec.json.encode(answer).decode() + "\n")
            self._file.flush()


def begin_log(path: Path, header: Header) -> TextIO:
    """Return a new log at *path*; raises `InvalidSetting` when a file is there or cannot be."""
    try:
        file = path.open("x", encoding="utf-8")
    except OSError as error:
        message = f"the log {path} cannot be made: {error.strerror}; --again goes on with one"
        raise InvalidSetting(message) from error
    file.write(msgspec.json.encode(header).decode() + "\n")
    file.flush()
    return file


def read_log(path: Path, header: Header) -> Mapping[int, Answer]:
    """Return the answers in the log at *path*; a last line that was cut short does not count.

    Raises `InvalidSetting` when it is no log, or one of another search.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = msgspec.json.decode(lines[0] if lines else "", type=Header)
    except (OSError, UnicodeError, msgspec.DecodeError) as error:
        message = f"{path} is no log of a search: {error}"
        raise InvalidSetting(message) from error
    if found != header:
        other = next(
            name
            for name in header.__struct_fields__
            if getattr(header, name) != getattr(found, name)
        )
        message = (
            f"{path} is the log of another search: its {other} is {getattr(found, other)!r}, not "
            f"{getattr(header, other)!r}"
        )
        raise InvalidSetting(message)
    answers = {}
    for number, line in enumerate(lines[1:], 2):
        try:
            answer = msgspec.json.decode(line, type=Answer)
        except msgspec.DecodeError as error:
            if number == len(lines):
                break
            message = f"line {number} of {path} is no answer: {error}"
            raise InvalidSetting(message) from error
        answers[answer.position] = answer
    return answers

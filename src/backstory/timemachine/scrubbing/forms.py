"""Forms of text whose pseudonyms must be read again: dates, times, addresses of machines, numbers.

A form is a text taken apart into numbers, each below a size, and the way back. Texts of one shape
are permuted among themselves, so a date becomes a date and no two become the same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from backstory.timemachine.scrubbing.numbers import spread

Parts = Sequence[int]


class Form(msgspec.Struct, frozen=True):
    """A text taken apart: its shape, its numbers with the size of each, and what writes it."""

    shape: str
    parts: Parts
    sizes: Parts
    written: Callable[[Parts], str]


_DAY: Final = r"(\d{4})-(\d\d)-(\d\d)"
_TIME: Final = r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?"
_ZONE: Final = r"(Z|[+-]\d\d:?\d\d)?"
_date: Final = re.compile(_DAY, re.ASCII)
_moment: Final = re.compile(f"{_DAY}([T ]){_TIME}{_ZONE}", re.ASCII)
_time: Final = re.compile(f"{_TIME}{_ZONE}", re.ASCII)
_OCTET: Final = r"(0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])"
_machine: Final = re.compile(r"\.".join([_OCTET] * 4), re.ASCII)
_integer: Final = re.compile(r"-?[1-9]\d{0,19}", re.ASCII)

_OCTETS: Final = {1: (0, 10), 2: (10, 90), 3: (100, 156)}
"""By how many digits it has: the lowest, and how many there are."""


def form_of(text: str) -> Form | None:
    """Return the form of *text*; None when it has none that is known here."""
    first = text[:1]
    if not (first.isdigit() or first == "-"):
        return None
    for pattern, taken_apart in _FORMS:
        found = pattern.fullmatch(text)
        if found is not None:
            return taken_apart(found)
    return None


def _of_date(found: re.Match[str]) -> Form | None:
    return _dated(found, "", (), (), lambda _: "")


def _of_moment(found: re.Match[str]) -> Form | None:
    time = _timed(found.group(5, 6, 7, 8, 9))
    between = found[4]
    return _dated(
        found,
        between + time.shape,
        time.parts,
        time.sizes,
        lambda parts: between + time.written(parts),
    )


def _of_time(found: re.Match[str]) -> Form:
    return _timed(found.group(1, 2, 3, 4, 5))


def _dated(
    found: re.Match[str], shape: str, parts: Parts, sizes: Parts, rest: Callable[[Parts], str]
) -> Form | None:
    """Let the year stay: the age of a person, or of a contract, decides what code does with it."""
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
    start = day.replace(month=1, day=1)
    days = (day.replace(month=12, day=31) - start).days + 1

    def written(moved: Parts) -> str:
        return (start + timedelta(days=moved[0])).isoformat() + rest(moved[1:])

    return Form(f"{found[1]}-{shape}", ((day - start).days, *parts), (days, *sizes), written)


def _timed(groups: Sequence[str | None]) -> Form:
    hour, minute, second, fraction, zone = groups
    given = [part for part in (hour, minute, second, fraction) if part is not None]
    digits = len(fraction or "")
    sizes = (24, 60, 60, 10**digits)[: len(given)]

    def written(moved: Parts) -> str:
        clock = ":".join(f"{part:02}" for part in moved[:3])
        return clock + (f".{moved[3]:0{digits}}" if digits else "") + (zone or "")

    return Form(f"time {len(given)} {digits}{zone}", [int(part) for part in given], sizes, written)


def _of_machine(found: re.Match[str]) -> Form:
    octets = found.groups()
    ranges = [_OCTETS[len(octet)] for octet in octets]

    def written(moved: Parts) -> str:
        return ".".join(str(part + low) for part, (low, _) in zip(moved, ranges, strict=True))

    parts = [int(octet) - low for octet, (low, _) in zip(octets, ranges, strict=True)]
    return Form(
        f"machine {[len(octet) for octet in octets]}", parts, [size for _, size in ranges], written
    )


def _of_integer(found: re.Match[str]) -> Form:
    number = int(found[0])
    low, size = spread(abs(number))
    sign = "-" if number < 0 else ""
    shape = f"number {sign}{low}"
    return Form(shape, (abs(number) - low,), (size,), lambda moved: f"{sign}{low + moved[0]}")


_FORMS: Final[Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], Form | None]]]] = (
    (_integer, _of_integer),
    (_date, _of_date),
    (_moment, _of_moment),
    (_time, _of_time),
    (_machine, _of_machine),
)

"""Moments: how a user names a point of the log.

    head                        the newest event
    4711, position:4711         what stands at that position
    user-donald-le@3            revision 3 of that stream
    0198c6f2-…                  the event with that id
    2026-11-23T03:12:07+01:00   the last event recorded at or before that time; the zone is needed
    10 minutes ago              the same, counted back from now
    correlation:ID              the last event with that correlation id
    incident:ID                 where the log ended when that failure was recorded

Reading the text needs no store; `locating` finds what it names.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from backstory.core.errors import InvalidMoment

_AGO: Final = re.compile(r"(\d{1,9})\s*([a-z]+)\s+ago", re.IGNORECASE)
_REVISION: Final = re.compile(r"(.+)@(\d{1,18})", re.DOTALL)
_POSITION: Final = re.compile(r"(?:position:)?(\d{1,18})")
_UNITS: Final = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "min": 60,
    "minute": 60,
    "h": 3_600,
    "hour": 3_600,
    "d": 86_400,
    "day": 86_400,
    "w": 604_800,
    "week": 604_800,
}
FORMS: Final = (
    "a position (4711), STREAM@REVISION (user-donald-le@3), an event's id, a time with its zone "
    "(2026-11-23T03:12:07+01:00), '10 minutes ago', correlation:ID, incident:ID, or head"
)


class AtHead(msgspec.Struct, frozen=True):
    """The newest event."""


class AtPosition(msgspec.Struct, frozen=True):
    """What stands at `position`; 0 is before the first event."""

    position: int


class AtRevision(msgspec.Struct, frozen=True):
    """What stands at `revision` of `stream`."""

    stream: str
    revision: int


class AtEvent(msgspec.Struct, frozen=True):
    """The event with the `id`."""

    id: UUID


class AtTime(msgspec.Struct, frozen=True):
    """The last event recorded at or before `time`, which is aware."""

    time: datetime


class AtCorrelation(msgspec.Struct, frozen=True):
    """The last event with the correlation id `id`."""

    id: str


class AtIncident(msgspec.Struct, frozen=True):
    """Where the log ended when the incident `id` was recorded."""

    id: UUID


Moment: TypeAlias = AtHead | AtPosition | AtRevision | AtEvent | AtTime | AtCorrelation | AtIncident


def parse_moment(text: str, *, now: datetime) -> Moment:
    """Return the moment that *text* names; times that are counted back are counted from *now*.

    Raises `InvalidMoment` for anything else, and for a time without a zone: nobody could say which
    moment it names.
    """
    text = text.strip()
    if text.lower() in ("head", "now"):
        return AtHead()
    if match := _POSITION.fullmatch(text):
        return AtPosition(int(match[1]))
    if (named := _named(text)) is not None:
        return named
    if (event_id := _uuid(text)) is not None:
        return AtEvent(event_id)
    if (time := _time(text, now)) is not None:
        return AtTime(time)
    if match := _REVISION.fullmatch(text):
        return AtRevision(match[1], int(match[2]))
    message = f"{text!r} names no moment; write {FORMS}"
    raise InvalidMoment(message)


def _named(text: str) -> AtCorrelation | AtIncident | None:
    kind, _, name = text.partition(":")
    if kind == "correlation" and name:
        return AtCorrelation(name)
    if kind != "incident":
        return None
    incident = _uuid(name)
    if incident is None:
        message = f"an incident is named by its id (a UUID), not by {name!r}"
        raise InvalidMoment(message)
    return AtIncident(incident)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _time(text: str, now: datetime) -> datetime | None:
    if match := _AGO.fullmatch(text):
        return _ago(int(match[1]), match[2].lower(), now)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    if time.utcoffset() is None:
        message = (
            f"{text!r} has no time zone, so it names no moment; write {text}Z for UTC or, for "
            f"example, {text}+01:00"
        )
        raise InvalidMoment(message)
    return time


def _ago(count: int, unit: str, now: datetime) -> datetime:
    seconds = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
    if seconds is None:
        message = f"{unit!r} is no unit of time; use seconds, minutes, hours, days or weeks"
        raise InvalidMoment(message)
    try:
        return now - timedelta(seconds=count * seconds)
    except OverflowError:
        message = f"{count} {unit} ago was before the calendar began"
        raise InvalidMoment(message) from None

"""Which events somebody wants to see: one grammar for addresses, command lines and search fields.

    type:OrderPaid category:order after:2026-03-01 data.total>100 "out of stock"

`type:` may stand several times and means any of them; everything else must hold together. What has
no key is looked for in data and metadata, letter by letter. Quotes hold spaces together.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from backstory.core.clock import to_microseconds
from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.explore.conditions import Condition, condition
from backstory.explore.links import correlation_of

_TOKEN: Final = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*"?)+')
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"?')
_KEY: Final = re.compile(
    r"(type|category|stream|prefix|correlation|after|before|is):(.*)", re.DOTALL
)
_MOST_TYPES: Final = 100


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold for an event to be shown.

    `prefix` is what the name of its stream begins with, `words` stand in its data or metadata.
    `after` and `before` are times: recorded then or later, and earlier than that. System events,
    whose type begins with `$`, are shown with `system` alone, or when their type or stream is
    named.
    """

    types: tuple[str, ...] = ()
    category: str | None = None
    stream: str | None = None
    prefix: str = ""
    correlation: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    words: tuple[str, ...] = ()
    system: bool = False

    def __str__(self) -> str:
        """Return the filter as it is written."""
        named = [("type", name) for name in self.types]
        named += [
            (key, value)
            for key, value in (
                ("category", self.category),
                ("stream", self.stream),
                ("prefix", self.prefix or None),
                ("correlation", self.correlation),
            )
            if value is not None
        ]
        named += [
            (key, moment.isoformat().replace("+00:00", "Z"))
            for key, moment in (("after", self.after), ("before", self.before))
            if moment is not None
        ]
        if self.system:
            named.append(("is", "system"))
        tokens = [f"{key}:{_quoted(value)}" for key, value in named]
        tokens += [_quoted(str(each)) for each in self.conditions]
        tokens += [_quoted(word, word=True) for word in self.words]
        return " ".join(tokens)

    @property
    def looks_inside(self) -> bool:
        """Return whether events must be looked at one by one, beyond what stores filter by."""
        return bool(self.prefix or self.correlation or self.conditions or self.words) or (
            self.stream is not None and self.category is not None
        )

    def matches(self, event: RecordedEvent) -> bool:
        """Say whether all of it holds for *event*."""
        return (
            self.shows_kind(event)
            and event.stream.startswith(self.prefix)
            and (self.stream is None or event.stream == self.stream)
            and (self.category is None or event.category == self.category)
            and (not self.types or event.type in self.types)
            and self._in_time(event)
            and (self.correlation is None or correlation_of(event) == self.correlation)
            and all(_holds(event, word) for word in self.words)
            and all(each.holds(event) for each in self.conditions)
        )

    def shows_kind(self, event: RecordedEvent) -> bool:
        """Say whether *event* is shown, or a system event that nobody asked for."""
        return (
            self.system
            or not event.type.startswith("$")
            or event.type in self.types
            or event.stream == self.stream
        )

    def _in_time(self, event: RecordedEvent) -> bool:
        if self.after is not None and event.recorded_us < to_microseconds(self.after):
            return False
        return self.before is None or event.recorded_us < to_microseconds(self.before)


def parse_filter(text: str) -> EventFilter:
    """Return the filter that *text* is; raises `InvalidInput` for what has no meaning."""
    types: list[str] = []
    words: list[str] = []
    conditions: list[Condition] = []
    named: dict[str, str] = {}
    for token in _TOKEN.findall(text):
        found = _KEY.fullmatch(token)
        if found is None:
            plain = _unquoted(token)
            asked = None if token.startswith('"') else condition(plain)
            if asked is not None:
                conditions.append(asked)
            elif plain:
                words.append(plain)
        elif found[1] == "type":
            types.append(_value(found))
        elif found[1] in named:
            message = f"{found[1]}: stands twice; one event has one"
            raise InvalidInput(message)
        else:
            named[found[1]] = _value(found)
    if len(types) > _MOST_TYPES:
        message = f"a filter names at most {_MOST_TYPES} types, not {len(types)}"
        raise InvalidInput(message)
    return EventFilter(
        types=tuple(types),
        category=named.get("category"),
        stream=named.get("stream"),
        prefix=named.get("prefix", ""),
        correlation=named.get("correlation"),
        after=_moment(named.get("after")),
        before=_moment(named.get("before")),
        conditions=tuple(conditions),
        words=tuple(words),
        system=_is_system(named.get("is")),
    )


def _value(found: re.Match[str]) -> str:
    value = _unquoted(found[2])
    if not value:
        message = f"{found[1]}: wants a value right behind it, such as {found[1]}:order"
        raise InvalidInput(message)
    return value


def _is_system(value: str | None) -> bool:
    if value not in {None, "system"}:
        message = f"is:{value} has no meaning; there is is:system, which shows system events, too"
        raise InvalidInput(message)
    return value is not None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time; write 2026-03-01 or 2026-03-01T14:20:59Z"
        raise InvalidInput(message) from error


def _quoted(text: str, *, word: bool = False) -> str:
    plain = text and not re.search(r'[\s"\\]', text)
    if plain and not (word and (_KEY.fullmatch(text) or condition(text))):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(token: str) -> str:
    return _QUOTED.sub(lambda found: re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), token)


def _holds(event: RecordedEvent, word: str) -> bool:
    """Say whether *word* stands in what *event* carries, in any of the ways JSON may write it."""
    spelt = {
        word.encode(errors="ignore"),
        json.dumps(word, ensure_ascii=False)[1:-1].encode(errors="ignore"),
        json.dumps(word)[1:-1].encode(),
    }
    return any(each in event.data or each in event.metadata for each in spelt)

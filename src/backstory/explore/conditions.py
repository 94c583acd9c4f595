"""Conditions on what an event carries, such as `data.total>100`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from backstory.core.errors import InvalidEvent
from backstory.core.events import RecordedEvent

_FORM: Final = re.compile(
    r"(?P<of>data|meta)\.(?P<path>[^<>=!\s]+?)(?P<sign><=|>=|!=|=|<|>)(?P<value>.*)", re.DOTALL
)
_ORDER: Final[Mapping[str, Callable[[int], bool]]] = MappingProxyType(
    {
        "<": lambda order: order < 0,
        "<=": lambda order: order <= 0,
        ">": lambda order: order > 0,
        ">=": lambda order: order >= 0,
    }
)
"""What the sign of a comparison must be."""


class Condition(msgspec.Struct, frozen=True):
    """A value at a path of data or metadata, and what it is compared with.

    The path is of names, and of numbers in lists, with dots between. The text compared with may be
    a number, `true`, `false` or `null`, which then also equal a string that is spelt so. Only
    numbers are less than numbers and strings than strings; where nothing stands at the path, only
    `!=` holds.
    """

    of: str
    path: str
    sign: str
    text: str

    def __str__(self) -> str:
        """Return the condition as it is written."""
        return f"{self.of}.{self.path}{self.sign}{self.text}"

    def holds(self, event: RecordedEvent) -> bool:
        """Say whether it holds for *event*; never for one whose payload is no JSON."""
        try:
            document: object = event.json() if self.of == "data" else event.meta()
        except InvalidEvent:
            return False
        found = _at(document, self.path)
        if self.sign in {"=", "!="}:
            return self._equals(found) == (self.sign == "=")
        order = self._order(found)
        return order is not None and _ORDER[self.sign](order)

    def _order(self, found: object) -> int | None:
        """Return whether *found* is less (-1), equal or more; None when they do not compare."""
        if isinstance(found, str):
            return (found > self.text) - (found < self.text)
        wanted = _number(self.text)
        if wanted is None or isinstance(found, bool) or not isinstance(found, int | float):
            return None
        return (found > wanted) - (found < wanted)

    def _equals(self, found: object) -> bool:
        if isinstance(found, str):
            return found == self.text
        if _is_number(found):
            return found == _number(self.text)
        return found is not msgspec.UNSET and msgspec.json.encode(found) == self.text.encode()


def condition(text: str) -> Condition | None:
    """Return the condition that *text* is, None when it is none."""
    found = _FORM.fullmatch(text)
    return None if found is None else Condition(*found.group("of", "path", "sign", "value"))


def _at(document: object, path: str) -> object:
    for name in path.split("."):
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        else:
            return msgspec.UNSET
    return document


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> float | int | None:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None

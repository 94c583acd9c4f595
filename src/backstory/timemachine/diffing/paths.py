"""Paths into a value: `items[2].price`, `prices["per hour"]`, `tags{"new"}`."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from backstory.core.errors import InvalidInput
from backstory.timemachine.diffing.parts import CLASS, Fields, Items, Members, parts_of

_PLAIN_NAME: Final = re.compile(r"[^\W\d][\w-]*")
_STEP: Final = re.compile(
    r"""\.?(?P<name>[^.\[\]{}"]+)"""
    r"""|\[(?P<index>\d+)\]"""
    r"""|\[(?P<key>"(?:[^"\\]|\\.)*")\]"""
    r"""|\{(?P<member>.+)\}$"""
)


class Step(msgspec.Struct, frozen=True):
    """One step into a value: a field's `name`, the `index` of an item, or a set's `member`."""

    name: str | None = None
    index: int | None = None
    member: str | None = None


class Missing:
    """What stands where a path leads nowhere."""

    def __repr__(self) -> str:
        """Return the word for it."""
        return "nothing"


MISSING: Final = Missing()


def with_name(path: str, name: str) -> str:
    """Return the path of the field *name* of what is at *path*."""
    if _PLAIN_NAME.fullmatch(name):
        return f"{path}.{name}" if path else name
    return f"{path}[{msgspec.json.encode(name).decode()}]"


def with_index(path: str, index: int) -> str:
    """Return the path of an item of what is at *path*."""
    return f"{path}[{index}]"


def with_member(path: str, member: str) -> str:
    """Return the path of the member, given as JSON, of the set at *path*."""
    return f"{path}{{{member}}}"


def steps_of(path: str) -> tuple[Step, ...]:
    """Return the steps of *path*, none for the empty one; raises `InvalidInput` when it is none."""
    steps, at = [], 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or (found["name"] and at and path[at] != "."):
            message = (
                f"{path!r} is no path from its {at + 1}. character on; write items[2].price or "
                'prices["per hour"]'
            )
            raise InvalidInput(message)
        steps.append(_step(found))
        at = found.end()
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    if found["member"]:
        return Step(member=found["member"])
    if found["index"]:
        return Step(index=int(found["index"]))
    return Step(name=found["name"] or msgspec.json.decode(found["key"], type=str))


def value_at(value: object, steps: tuple[Step, ...]) -> object:
    """Return what is at the end of *steps* into *value*, `MISSING` when they lead nowhere."""
    for step in steps:
        value = _inside(value, step)
        if value is MISSING:
            break
    return value


def _inside(value: object, step: Step) -> object:
    parts = parts_of(value)
    if isinstance(parts, Fields) and step.name is not None:
        if step.name == CLASS and CLASS not in parts.values:
            return parts.kind or MISSING
        return parts.values.get(step.name, MISSING)
    if isinstance(parts, Items) and step.index is not None:
        return parts.values[step.index] if step.index < len(parts.values) else MISSING
    if isinstance(parts, Members) and step.member is not None:
        return parts.values.get(step.member, MISSING)
    return MISSING

"""What a value of a user's code consists of: fields, items, members, or nothing smaller."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

CLASS = "__class__"
"""The name under which the class of a value is told, where nothing else tells it."""


class Fields(msgspec.Struct, frozen=True):
    """Values by name; `kind` is the class that has them, empty for a mapping."""

    kind: str
    values: Mapping[str, object]


class Items(msgspec.Struct, frozen=True):
    """Values in order."""

    values: list[object]


class Members(msgspec.Struct, frozen=True):
    """Values without an order, by the JSON that each comes to."""

    values: Mapping[str, object]


class Leaf(msgspec.Struct, frozen=True):
    """A value as JSON has it."""

    value: object


Parts: TypeAlias = Fields | Items | Members | Leaf


def parts_of(value: object) -> Parts:
    """Return what *value* consists of.

    Known are mappings, sequences and sets, msgspec's Structs, dataclasses, attrs classes, pydantic
    models, and all that JSON has a form for; other objects consist of their public attributes, and
    what has none is a text, as Python shows it.
    """
    if value is None or isinstance(value, str | int | float):
        return Leaf(_plain_leaf(value))
    if isinstance(value, Mapping):
        return Fields("", {_name(key): kept for key, kept in value.items()})
    if isinstance(value, list | tuple):
        return Items(list(value))
    if isinstance(value, set | frozenset):
        return Members({_text(plain(member)): member for member in value})
    names = _names_of(value)
    if names is not None:
        kept = {shown: getattr(value, name) for name, shown in names if hasattr(value, name)}
        return Fields(type(value).__name__, kept)
    return Leaf(_plain_leaf(value))


def plain(value: object, *, classes: bool = False) -> object:
    """Return *value* made of what JSON knows; with *classes*, objects tell of theirs."""
    parts = parts_of(value)
    if isinstance(parts, Fields):
        found = {name: plain(kept, classes=classes) for name, kept in parts.values.items()}
        return {CLASS: parts.kind, **found} if classes and parts.kind else found
    if isinstance(parts, Items):
        return [plain(item, classes=classes) for item in parts.values]
    if isinstance(parts, Members):
        return [plain(parts.values[text], classes=classes) for text in sorted(parts.values)]
    return parts.value


def text_of(value: object) -> str:
    """Return a text that equal values have in common, and other values have not."""
    return _text(_marked(value))


def _marked(value: object) -> object:
    """Return *value* made of what JSON knows, with what JSON does not tell apart."""
    parts = parts_of(value)
    if isinstance(parts, Fields):
        return [parts.kind, {name: _marked(kept) for name, kept in parts.values.items()}]
    if isinstance(parts, Items):
        return ["list", *map(_marked, parts.values)]
    if isinstance(parts, Members):
        return ["set", *sorted(parts.values)]
    if isinstance(parts.value, float):
        return int(parts.value) if parts.value.is_integer() else ["float", repr(parts.value)]
    return parts.value


def _text(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _name(key: object) -> str:
    return key if isinstance(key, str) else str(_plain_leaf(key))


def _names_of(value: object) -> Iterable[tuple[str, str]] | None:
    """Return the attributes that make *value* up, each with the name it has in JSON."""
    kind = type(value)
    if isinstance(value, msgspec.Struct):
        return [(field.name, field.encode_name) for field in msgspec.structs.fields(value)]
    if dataclasses.is_dataclass(kind):
        return [(field.name, field.name) for field in dataclasses.fields(kind)]
    attributes = getattr(kind, "__attrs_attrs__", None) or ()
    names = [str(attribute.name) for attribute in attributes] or getattr(kind, "model_fields", None)
    if names is not None:
        return [(name, name) for name in names]
    try:
        msgspec.to_builtins(value)
    except (TypeError, ValueError, OverflowError):
        kept = getattr(value, "__dict__", None)
        return None if kept is None else [(name, name) for name in kept if name[0] != "_"]
    return None


def _plain_leaf(value: object) -> object:
    try:
        return msgspec.to_builtins(value)
    except (TypeError, ValueError, OverflowError):
        return repr(value)

"""Which fields a Python type declares, as paths into its JSON, and which of them are personal."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import (
    Annotated,
    Final,
    Literal,
    NewType,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

import msgspec

from backstory.core.personal import IDENTIFIER, Personal
from backstory.timemachine.scrubbing.model_fields import fields_of, is_positional

ITEM: Final = "*"
"""In a path: whatever the name."""

KEYS: Final = "$keys"
"""In a path: the names themselves, of an object whose names are data."""

_IDENTIFYING: Final = (int, UUID)
_WRAPPERS: Final = (Required, NotRequired, Final)
_UNIONS: Final = (Union, types.UnionType)


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What a type says of a field: whether it is personal, and what JSON may do without.

    One that is not a `leaf` only holds the fields below its path.
    """

    leaf: bool = True

    personal: bool = False
    drop: bool = False
    identifies: bool = False
    required: bool = True
    nullable: bool = False
    options: tuple[object, ...] = ()

    def together(self, other: Declared) -> Declared:
        """Return what holds for a field that two types of a union declare."""
        return Declared(
            leaf=self.leaf or other.leaf,
            personal=self.personal or other.personal,
            drop=self.drop or other.drop,
            identifies=self.identifies or other.identifies,
            required=self.required or other.required,
            nullable=self.nullable and other.nullable,
            options=self.options + other.options,
        )


def declared_fields(python: type) -> dict[str, Declared]:
    """Return the fields of *python* by their path in its JSON: `address.street`, `names.*`.

    Items of lists have the path of the list. Of a type that holds itself, the inner ones are one
    field, personal when one of its fields is. Raises `SchemaError` for annotations that cannot be
    resolved.
    """
    found: dict[str, Declared] = {}
    for path, declared in _Walk(()).fields("", python, Declared()):
        if path:
            found[path] = found[path].together(declared) if path in found else declared
    return found


class _Walk:
    """One way down: the classes that were met on it."""

    def __init__(self, above: tuple[object, ...]) -> None:
        self._above = above

    def fields(self, path: str, kind: object, so_far: Declared) -> Iterator[tuple[str, Declared]]:
        """Yield what *kind* declares at *path* and below it."""
        kind, so_far = _unwrapped(kind, so_far)
        arguments = get_args(kind)
        if _is_union(kind):
            nullable = so_far.nullable or type(None) in arguments
            so_far = msgspec.structs.replace(so_far, nullable=nullable)
            for one in arguments:
                if one is not type(None):
                    yield from self.fields(path, one, so_far)
        elif _is_mapping(kind):
            yield path, msgspec.structs.replace(so_far, leaf=False)
            yield from self.fields(_below(path, KEYS), arguments[0], so_far)
            yield from self.fields(_below(path, ITEM), arguments[1], so_far)
        elif _is_collection(kind):
            for one in arguments:
                for where, declared in self.fields(path, one, so_far):
                    # Whether an item may be null says nothing of the list.
                    yield where, msgspec.structs.replace(declared, nullable=so_far.nullable)
        else:
            yield from self._of_model(path, kind, so_far)

    def _of_model(
        self, path: str, kind: object, so_far: Declared
    ) -> Iterator[tuple[str, Declared]]:
        fields = fields_of(kind)
        if fields is None:
            yield path, _leaf(kind, so_far)
        elif kind in self._above or is_positional(kind):
            personal = so_far.personal or _holds_personal(kind, set())
            yield path, msgspec.structs.replace(so_far, personal=personal)
        else:
            yield path, msgspec.structs.replace(so_far, leaf=False)
            below = _Walk((*self._above, kind))
            for field in fields:
                said = Declared(personal=so_far.personal, drop=so_far.drop, required=field.required)
                where = _below(path, field.name) if field.name else path
                yield from below.fields(where, field.kind, said)


def _holds_personal(kind: object, met: set[object]) -> bool:
    """Return whether anything in *kind* is marked; each class is looked at once."""
    kind, said = _unwrapped(kind, Declared())
    inner = get_args(kind)
    fields = fields_of(kind)
    if fields is not None:
        inner = () if kind in met else tuple(field.kind for field in fields)
        met.add(kind)
    elif get_origin(kind) is Literal:
        inner = ()
    return said.personal or any(_holds_personal(one, met) for one in inner)


def _is_union(kind: object) -> bool:
    return get_origin(kind) in _UNIONS


def _is_mapping(kind: object) -> bool:
    return _is_generic(kind, Mapping) and len(get_args(kind)) == 2  # noqa: PLR2004 - keys and values


def _is_collection(kind: object) -> bool:
    return _is_generic(kind, Collection) and fields_of(kind) is None


def _is_generic(kind: object, cls: type) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, cls)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _unwrapped(kind: object, so_far: Declared) -> tuple[object, Declared]:
    """Return what is inside of annotations and names for types, and what they say."""
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            for mark in getattr(kind, "__metadata__", ()):
                so_far = _marked(mark, so_far)
            kind = get_args(kind)[0]
        elif origin in _WRAPPERS:
            kind = get_args(kind)[0]
        elif isinstance(kind, NewType):
            kind = kind.__supertype__
        elif type(kind).__name__ == "TypeAliasType":  # of Python 3.12, or of typing_extensions
            kind = getattr(kind, "__value__", object)
        else:
            return kind, so_far


def _marked(mark: object, so_far: Declared) -> Declared:
    mark = mark() if mark is Personal else mark
    if not isinstance(mark, Personal):
        return so_far
    return msgspec.structs.replace(
        so_far,
        personal=True,
        drop=so_far.drop or mark.drop,
        identifies=so_far.identifies or mark.kind == IDENTIFIER,
    )


def _leaf(kind: object, so_far: Declared) -> Declared:
    options: tuple[object, ...] = ()
    if get_origin(kind) is Literal:
        options = get_args(kind)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        options = tuple(one.value for one in kind)
    flag = so_far.personal and kind is bool
    identifies = so_far.identifies or (so_far.personal and kind in _IDENTIFYING)
    return msgspec.structs.replace(
        so_far, drop=so_far.drop or flag, options=options, identifies=identifies
    )

"""The fields of a model as its JSON has them, for every kind of model that users bring."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, NotRequired, Protocol, cast, get_origin, get_type_hints, is_typeddict

import msgspec

from backstory.core.errors import SchemaError


class ModelField(msgspec.Struct, frozen=True):
    """One field: its name in JSON, its annotation, whether JSON must have it.

    The name is empty where the model is nothing but its one field.
    """

    name: str
    kind: object
    required: bool


class _PydanticField(Protocol):
    """What we need of pydantic's description of a field; pydantic is never imported here."""

    annotation: object
    metadata: list[object]
    alias: str | None
    serialization_alias: str | None

    def is_required(self) -> bool: ...


def fields_of(kind: object) -> list[ModelField] | None:
    """Return the fields of a model; None for anything else.

    Serves msgspec Structs, dataclasses, TypedDicts, named tuples, attrs classes and pydantic
    models. Raises `SchemaError` for annotations that cannot be resolved.
    """
    cls = get_origin(kind) or kind
    if not isinstance(cls, type):
        return None
    try:
        return _fields(kind, cls)
    except (NameError, TypeError) as error:
        message = f"the annotations of {cls.__name__} cannot be resolved: {error}"
        raise SchemaError(message) from error


def is_positional(kind: object) -> bool:
    """Return whether the JSON of a model is an array, whose items have no names."""
    cls = get_origin(kind) or kind
    if isinstance(cls, type) and issubclass(cls, msgspec.Struct):
        return bool(cls.__struct_config__.array_like)
    return isinstance(cls, type) and issubclass(cls, tuple)


def _fields(kind: object, cls: type) -> list[ModelField] | None:
    if issubclass(cls, msgspec.Struct):
        return list(_of_struct(kind, cls))
    if not _is_model(cls):
        return None
    if hasattr(cls, "model_fields"):
        return list(_of_pydantic(cls))
    hints = get_type_hints(cls, include_extras=True)
    if hasattr(cls, "__attrs_attrs__"):
        return list(_of_attrs(cls, hints))
    without_default = _required(cls, hints)
    return [ModelField(name, hint, name in without_default) for name, hint in hints.items()]


def _is_model(cls: type) -> bool:
    marks = ("model_fields", "__dataclass_fields__", "__attrs_attrs__", "_fields")
    return is_typeddict(cls) or any(hasattr(cls, mark) for mark in marks)


def _required(cls: type, hints: Mapping[str, object]) -> Collection[str]:
    """Return which of the fields a TypedDict, dataclass or named tuple must be given."""
    if is_typeddict(cls):
        keys: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
        # Of annotations that were texts when the class was made, it does not know what they said.
        return {name for name in keys if get_origin(hints[name]) is not NotRequired}
    if dataclasses.is_dataclass(cls):
        none = dataclasses.MISSING
        fields = dataclasses.fields(cls)
        return {one.name for one in fields if one.default is none and one.default_factory is none}
    return hints.keys()


def _of_attrs(cls: type, hints: Mapping[str, object]) -> Iterator[ModelField]:
    for one in getattr(cls, "__attrs_attrs__", ()):
        # What attrs says where there is no default; attrs is never imported here.
        required = repr(one.default) == "NOTHING"
        yield ModelField(one.name, hints.get(one.name, object), required)


def _of_struct(kind: object, cls: type[msgspec.Struct]) -> Iterator[ModelField]:
    for one in msgspec.structs.fields(cast("type[msgspec.Struct]", kind)):
        yield ModelField(one.encode_name, one.type, one.required)
    tag = cls.__struct_config__.tag_field
    if tag is not None:
        yield ModelField(tag, str, required=True)


def _of_pydantic(cls: type) -> Iterator[ModelField]:
    fields: Mapping[str, _PydanticField] = getattr(cls, "model_fields", {})
    whole = getattr(cls, "__pydantic_root_model__", False)
    for name, field in fields.items():
        written = field.serialization_alias or field.alias or name
        kind = field.annotation
        for mark in field.metadata:
            kind = Annotated[kind, mark]
        yield ModelField("" if whole else written, kind, field.is_required())

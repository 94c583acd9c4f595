"""A hash of what code means, to tell whether a saved result of it may still be trusted.

It follows a function into everything it can reach by name in the same packages: other functions,
methods of classes, constants, defaults, closures. What other packages hold enters by name alone.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import cast, get_args, get_origin
from uuid import UUID

import msgspec

_PLAIN = (
    *(bool, int, float, complex, str, bytes, type(None), type(...)),
    *(range, Decimal, UUID, date, time, timedelta, tzinfo),
)
_WORD = re.compile(r"[^\W\d]\w*")
_CODE_PARTS = (
    *("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_varnames"),
    "co_exceptiontable",
)
_HAS_DOCSTRING = 0x4000000  # of co_flags, from Python 3.14 on


StandIn = Callable[[object], object]
"""Answers what a thing of another package means, in plain data; None for what it does not know."""


def fingerprint(
    *values: object, within: Iterable[object] = (), stand_in: StandIn = lambda _: None
) -> str:
    """Return a hash of *values* and of all the code they reach, the same in every process.

    Functions, classes, plain data and tuples of them are followed through the top-level packages
    that the values themselves and those *within* come from. What *stand_in* has an answer for
    counts by that. Comments and the docstrings of functions do not count. It may change without
    need (the docstring of a class, another Python version). Not seen: what code reaches through
    attributes of objects it is handed whose class is named nowhere, and changes inside other
    packages.
    """
    packages = frozenset(_packages((*values, *within))) - sys.stdlib_module_names
    return _Walk(packages, stand_in).digest(values)


def _packages(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, tuple):
            yield from _packages(value)
        else:
            named = value if hasattr(value, "__qualname__") else type(value)
            yield _package(named)


def _package(named: object) -> str:
    return str(getattr(named, "__module__", None)).partition(".")[0]


def _label(value: object) -> str:
    if isinstance(value, _PLAIN):
        return f"{type(value).__qualname__} {value!r}"
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{getattr(named, '__module__', None)}.{getattr(named, '__qualname__', None)}"


class _Walk:
    """One walk over everything that values reach; it meets each thing once."""

    def __init__(self, packages: frozenset[str], stand_in: StandIn) -> None:
        self._packages = packages
        self._stand_in = stand_in
        self._digests: dict[int, str] = {}
        self._met: list[object] = []  # keeps what was met alive, so that no id is used twice

    def digest(self, value: object) -> str:
        """Return the hash of *value*; of something under way (a cycle) only that it is met."""
        if isinstance(value, _PLAIN):
            return _label(value)
        known = self._digests.get(id(value))
        if known is None:
            self._met.append(value)
            self._digests[id(value)] = f"again {_label(value)}"
            parts = "\n".join(self._parts(value))
            known = hashlib.sha256(parts.encode(errors="backslashreplace")).hexdigest()
            self._digests[id(value)] = known
        return known

    def _parts(self, value: object) -> Iterator[str]:
        yield _label(value)
        meaning = self._stand_in(value)
        if meaning is not None:
            yield self.digest(meaning)
        elif isinstance(value, Mapping):
            yield from (self.digest(item) for pair in value.items() for item in pair)
        elif isinstance(value, tuple | list):
            yield from map(self.digest, value)
        elif isinstance(value, set | frozenset):
            yield from map(self.digest, sorted(value, key=_label))
        elif isinstance(value, CodeType):
            yield from map(self.digest, _code_parts(value))
        elif get_origin(value) is not None:
            yield from map(self.digest, (get_origin(value), *get_args(value)))
        elif isinstance(value, type):
            yield from self._class_parts(value)
        else:
            yield from self._object_parts(value)

    def _object_parts(self, value: object) -> Iterator[str]:
        inner = _inner_parts(value)
        if isinstance(value, FunctionType):
            yield from self._function_parts(value)
        elif inner:
            yield from map(self.digest, inner)
        elif isinstance(value, Enum):
            yield from map(self.digest, (type(value), value.name))
        elif _package(type(value)) in self._packages:
            yield self.digest(type(value))
            yield from map(self.digest, _contents(value))

    def _function_parts(self, function: FunctionType) -> Iterator[str]:
        if hasattr(function, "registry"):  # functools.singledispatch
            yield self.digest(dict(function.registry))
        elif hasattr(function, "__wrapped__"):
            yield self.digest(function.__wrapped__)
        if _package(function) in self._packages and _home(function) in self._packages:
            yield from map(self.digest, (function.__code__, function.__defaults__))
            yield self.digest(function.__kwdefaults__)
            yield from (self.digest(_content(cell)) for cell in function.__closure__ or ())
            yield from self._reached(_names(function.__code__), function.__globals__)

    def _reached(self, names: Iterable[str], scope: Mapping[str, object]) -> Iterator[str]:
        words = sorted(set(names))
        for name in words:
            if name in scope:
                value = scope[name]
                yield f"{name} {self.digest(value)}"
                if (
                    isinstance(value, ModuleType)
                    and value.__name__.partition(".")[0] in self._packages
                ):
                    inside = vars(value)
                    yield from (self.digest(inside[word]) for word in words if word in inside)

    def _class_parts(self, cls: type) -> Iterator[str]:
        if _package(cls) not in self._packages:
            return
        yield _shape(cls)
        yield from map(self.digest, cls.__bases__)
        annotations = inspect.get_annotations(cls)
        yield from (f"{name} {self.digest(kind)}" for name, kind in annotations.items())
        texts = [kind for kind in annotations.values() if isinstance(kind, str)]
        scope = getattr(sys.modules.get(cls.__module__), "__dict__", {})
        yield from self._reached(_WORD.findall(" ".join(texts)), scope)
        yield from map(self.digest, _defaults(cls))
        for name, member in sorted(vars(cls).items()):
            if isinstance(member, FunctionType) or not name.startswith("__"):
                yield f"{name} {self.digest(member)}"


def _inner_parts(value: object) -> tuple[object, ...]:
    """Return what a wrapper wraps; nothing for anything else."""
    if isinstance(value, MethodType):
        return (value.__func__, value.__self__)
    if isinstance(value, functools.partial):
        return (value.func, value.args, value.keywords)
    if isinstance(value, property):
        return (value.fget, value.fset)
    if isinstance(value, re.Pattern):
        return (value.pattern, value.flags)
    for name in (
        "__wrapped__",
        "__func__",
        "func",
    ):  # caches, static and class methods, cached properties
        if name in dir(value):
            return (getattr(value, name),)
    return ()


def _contents(value: object) -> tuple[object, ...]:
    """Return what an instance holds."""
    if isinstance(value, msgspec.Struct):
        return tuple(getattr(value, name) for name in value.__struct_fields__)
    slots = [name for cls in type(value).__mro__ for name in vars(cls).get("__slots__", ())]
    held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return (held | getattr(value, "__dict__", {}),)


def _content(cell: object) -> object:
    try:
        return cell.cell_contents  # type: ignore[attr-defined]  # a cell; its type has no name
    except ValueError:  # not filled yet
        return None


def _code_parts(code: CodeType) -> Iterator[object]:
    """Yield each step of a function's code with what it works on; a docstring is no step."""
    yield from (getattr(code, part) for part in _CODE_PARTS)
    yield code.co_flags & ~_HAS_DOCSTRING
    for step in dis.get_instructions(code):
        yield step.opname
        yield step.argval


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _home(function: FunctionType) -> str:
    """Return the package whose code it is; a wrapper carries another's `__module__`."""
    return str(function.__globals__.get("__name__")).partition(".")[0]


def _shape(cls: type) -> str:
    """Return the fields, types and defaults of a model class as its library tells them."""
    schema = getattr(cls, "model_json_schema", None) or functools.partial(msgspec.json.schema, cls)
    try:
        return msgspec.json.encode(cast("Callable[[], object]", schema)()).decode()
    except Exception:  # noqa: BLE001 - a class no library can describe still has annotations and code
        return ""


def _defaults(cls: type) -> Iterator[object]:
    """Yield defaults and the functions that make them."""
    for default in getattr(cls, "__struct_defaults__", ()):
        yield getattr(default, "factory", default)
    if is_dataclass(cls):
        for field in vars(cls).get("__dataclass_fields__", {}).values():
            yield from (field.default, field.default_factory)

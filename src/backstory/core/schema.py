"""The schema: stable type names, the Python types they stand for, and how old shapes become new.

A type name is a plain text such as `user-created`, never a module path, so code can move. A shape
that changes gets a higher version and one upcaster per step; upcasters run on every read, so the
rest of the code only knows the newest shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TypeVar, cast, is_typeddict
from uuid import UUID

import msgspec

from backstory.core import encoding
from backstory.core.decoding import decoder_for
from backstory.core.errors import (
    InvalidEvent,
    InvalidInput,
    SchemaError,
    UndecodableEvent,
    UnknownEventType,
    UnknownSchemaVersion,
)
from backstory.core.events import (
    NO_METADATA,
    SCHEMA_VERSION,
    EncodedEvent,
    NewEvent,
    RecordedEvent,
)
from backstory.core.ids import uuid7
from backstory.core.names import check_event_type

T = TypeVar("T")

_VERSION_MARK = encoding.encode(SCHEMA_VERSION)
# Looking for one byte is ten times faster than looking for a word, and this one is rare.
_VERSION_BYTE = ord("V")

Upcaster = Callable[[dict[str, object]], dict[str, object]]
"""Takes an event's data in one version and returns it in the next; pure."""


class EventType(msgspec.Struct, frozen=True):
    """One event type: its stable name and the Python type of its data.

    `python` is a msgspec Struct, dataclass, TypedDict or pydantic model. `upcasters[n]` takes data
    of version *n* to version *n + 1*, one for each version below `version`. `formerly` lists names
    the type was stored under before; such events read as this type.
    Creating one raises `InvalidInput` when an upcaster is missing or left over.
    """

    name: str
    python: type
    version: int = 1
    upcasters: Mapping[int, Upcaster] = MappingProxyType({})
    formerly: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a type whose old versions could not be read."""
        for name in (self.name, *self.formerly):
            check_event_type(name)
        wanted = set(range(1, self.version))
        if self.version < 1 or set(self.upcasters) != wanted:
            message = (
                f"event type {self.name!r} has version {self.version} and needs upcasters for "
                f"{sorted(wanted)}, it has them for {sorted(self.upcasters)}"
            )
            raise InvalidInput(message)


class Schema:
    """The event types of an application: a plain immutable value.

    Raises `InvalidInput` when two types share a name or a Python type.
    """

    def __init__(self, *types: EventType) -> None:
        """Take the application's event *types*."""
        self._by_name: dict[str, EventType] = {}
        self._by_python: dict[type, EventType] = {}
        self._decoders: dict[str, Callable[[bytes], object]] = {}
        # How data is read that is not marked with a version: as the first one.
        self._unmarked: dict[str, Callable[[bytes], object]] = {}
        for event_type in types:
            self._add(event_type)

    def _add(self, event_type: EventType) -> None:
        if event_type.python in self._by_python:
            message = f"{event_type.python.__name__} stands for two event types; give each its own"
            raise InvalidInput(message)
        self._by_python[event_type.python] = event_type
        for name in (event_type.name, *event_type.formerly):
            if name in self._by_name:
                message = f"two event types are called {name!r}"
                raise InvalidInput(message)
            self._by_name[name] = event_type
            self._decoders[name] = self._unmarked[name] = decoder_for(event_type.python)
            if event_type.version > 1:
                self._unmarked[name] = partial(self._decode_old, event_type, 1)

    @property
    def types(self) -> tuple[EventType, ...]:
        """Return the event types in the order given."""
        return tuple(self._by_python.values())

    def type_named(self, name: str) -> EventType:
        """Return the type that events stored under *name* are read as.

        Raises `UnknownEventType` when there is none.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownEventType(name, tuple(self._by_name)) from None

    def names_of(self, python: type) -> tuple[str, ...]:
        """Return every name events of the Python type are stored under, the present one first.

        Raises `SchemaError` when the schema does not hold *python*.
        """
        event_type = self._type_of(python)
        return (event_type.name, *event_type.formerly)

    def encode(
        self,
        value: object,
        *,
        metadata: Mapping[str, object] | None = None,
        id: UUID | None = None,  # noqa: A002 - our word for it
        python: type | None = None,
    ) -> NewEvent:
        """Return the event that holds *value*.

        *python* names the type of a value that cannot tell: a TypedDict is a plain `dict`.
        Raises `SchemaError` when its type is not in the schema, `InvalidEvent` when it holds
        something JSON cannot, `EventTooLarge` when it is too large.
        """
        python = type(value) if python is None else python
        event_type = self._by_python.get(python) or self._type_of(python)
        if event_type.version > 1:
            metadata = {**(metadata or {}), SCHEMA_VERSION: event_type.version}
        raw = encoding.encode(metadata) if metadata else NO_METADATA
        return EncodedEvent(
            event_type.name, encoding.encode(value), raw, uuid7() if id is None else id
        )

    def decode(self, event: RecordedEvent) -> object:
        """Return the typed value *event* holds, in its newest shape.

        Raises `UnknownEventType`, `UnknownSchemaVersion`, or `UndecodableEvent` when the data does
        not fit or an upcaster failed.
        """
        if _VERSION_BYTE in event.metadata and _VERSION_MARK in event.metadata:
            return self._decode_marked(event)
        try:
            return self._unmarked[event.type](event.data)
        except Exception as error:
            self.type_named(event.type)
            raise self._undecodable(event, error) from error

    def decode_page(self, page: Sequence[RecordedEvent]) -> list[object]:
        """Return the typed values of all events of *page*, faster than one by one.

        Raises as `decode` does.
        """
        unmarked, decode = self._unmarked, self.decode
        try:
            return [
                decode(event)
                if _VERSION_BYTE in event.metadata
                else unmarked[event.type](event.data)
                for event in page
            ]
        except Exception:  # noqa: BLE001 - whatever a model raises; one by one names the event
            return [decode(event) for event in page]

    def decode_as(self, event: RecordedEvent, python: type[T]) -> T:
        """Return what `decode` returns, and raise `SchemaError` when it is not a *python*."""
        value = self.decode(event)
        exact = self._by_name[event.type].python is python
        if not exact and (is_typeddict(python) or not isinstance(value, python)):
            message = (
                f"event {event.type!r} at {event.place} is a {type(value).__name__}, "
                f"not a {python.__name__}"
            )
            raise SchemaError(message)
        return cast("T", value)

    def _decode_marked(self, event: RecordedEvent) -> object:
        event_type = self.type_named(event.type)
        try:
            version = self._version_of(event)
        except InvalidEvent as error:
            raise self._undecodable(event, error) from error
        if version > event_type.version:
            raise UnknownSchemaVersion(type=event.type, version=version, known=event_type.version)
        try:
            if version == event_type.version:
                return self._decoders[event.type](event.data)
            return self._decode_old(event_type, version, event.data)
        except Exception as error:
            raise self._undecodable(event, error) from error

    def _decode_old(self, event_type: EventType, version: int, raw: bytes) -> object:
        data = encoding.decode_object(raw)
        for step in range(version, event_type.version):
            data = event_type.upcasters[step](data)
        return self._decoders[event_type.name](encoding.encode(data))

    @staticmethod
    def _version_of(event: RecordedEvent) -> int:
        version = event.meta().get(SCHEMA_VERSION, 1)
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            message = f"{SCHEMA_VERSION} is an integer from 1 up, not {version!r}"
            raise InvalidEvent(message)
        return version

    @staticmethod
    def _undecodable(event: RecordedEvent, error: Exception) -> UndecodableEvent:
        reason = f"{type(error).__name__}: {error}"
        return UndecodableEvent(type=event.type, place=event.place, reason=reason)

    def _type_of(self, python: type) -> EventType:
        found = self._by_python.get(python)
        if found is None:
            known = ", ".join(sorted(t.__name__ for t in self._by_python)) or "none"
            message = (
                f"{python.__name__} is not in the schema (it holds: {known}); "
                "add an EventType for it"
            )
            raise SchemaError(message)
        return found

"""JSON on its way in and out: strict where a silent change would become history.

A number that JSON has no word for (NaN, infinity) is refused, never turned into `null`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

import msgspec

from backstory.core.errors import InvalidEvent

_decoder = msgspec.json.Decoder()
_object_decoder = msgspec.json.Decoder(dict[str, object])


def encode(value: object) -> bytes:
    """Return *value* as JSON bytes.

    Takes what msgspec can encode (Structs, dataclasses, dicts, dates, UUIDs …) and pydantic
    models.
    Raises `InvalidEvent` for anything else, for NaN, for infinity and for lone surrogates.
    """
    try:
        encoded = _encoder.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"a value of type {type(value).__name__} cannot be written as JSON: {error}"
        raise InvalidEvent(message) from error
    # msgspec writes NaN as null, so only a document with a null in it needs the slow look. `find`
    # takes half the time of `in`, which first asks whether it is given a number.
    if encoded.find(b"null") >= 0 and not all(map(math.isfinite, _floats(value))):
        message = "NaN and infinity have no JSON; store a number, a text or null"
        raise InvalidEvent(message)
    return encoded


def check(document: bytes) -> None:
    """Raise `InvalidEvent` unless *document* is JSON that can be read back.

    Values are made and thrown away: a look at the syntax alone would let numbers pass that no
    reader can take.
    """
    decode(document)


def decode(document: bytes) -> object:
    """Return what the JSON *document* holds; raises `InvalidEvent` when it is not JSON."""
    try:
        return _decoder.decode(document)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message = f"not valid JSON: {error}"
        raise InvalidEvent(message) from error


def decode_object(document: bytes) -> dict[str, object]:
    """Return the JSON object in *document*; raises `InvalidEvent` when it is not one."""
    try:
        return _object_decoder.decode(document)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message = f"a JSON object is needed: {error}"
        raise InvalidEvent(message) from error


def _plain(value: object) -> object:
    """Return what msgspec can encode of a pydantic model; pydantic itself is never imported."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        message = "no JSON is known for it"
        raise TypeError(message)
    return dump(mode="json", by_alias=True)


def _floats(value: object) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    else:
        for item in _items(value):
            yield from _floats(item)


def _items(value: object) -> Iterable[object]:
    if hasattr(value, "model_dump"):
        return (value.model_dump(mode="python"),)
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, Enum):
        return (value.value,)
    return (getattr(value, name, None) for name in _field_names(value))


def _field_names(value: object) -> tuple[str, ...]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    attrs = getattr(value, "__attrs_attrs__", ())
    return (*getattr(value, "__dataclass_fields__", ()), *(field.name for field in attrs))


_encoder = msgspec.json.Encoder(enc_hook=_plain)

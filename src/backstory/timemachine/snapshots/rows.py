"""Rows of tables as bytes, and back, each value as it was.

A file is a sequence of chunks: four bytes of length, then a MessagePack array of rows. What
MessagePack has no type for has an extension of its own here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import BinaryIO, Final
from uuid import UUID

import msgspec
from sqlalchemy import Column, Table

from backstory.core.errors import InvalidInput, SnapshotDamaged

_ROWS_IN_CHUNK: Final = 2_000
_LENGTH: Final = 4
_LARGEST_CHUNK: Final = 1 << 30

_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
_TO_TEXT: Final[Mapping[type, tuple[int, Callable[..., str]]]] = {
    datetime: (1, datetime.isoformat),
    date: (2, date.isoformat),
    time: (3, time.isoformat),
    timedelta: (4, lambda value: str(value // timedelta(microseconds=1))),
    Decimal: (5, str),
    UUID: (6, str),
}
_FROM_TEXT: Final[Mapping[int, Callable[[str], object]]] = {
    1: datetime.fromisoformat,
    2: date.fromisoformat,
    3: time.fromisoformat,
    4: lambda text: timedelta(microseconds=int(text)),
    5: Decimal,
    6: UUID,
}
_ENUM: Final = 7


class _Member(str):
    """The name of a member of whatever enumeration the column holds."""

    __slots__ = ()


def _from_extension(code: int, data: memoryview) -> object:
    text = bytes(data).decode()
    return _Member(text) if code == _ENUM else _FROM_TEXT[code](text)


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[list[object]], ext_hook=_from_extension)


def dump(table: Table, rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Yield *rows* of *table*, values in the order of its columns, as bytes.

    One chunk of rows is held at a time. Raises `InvalidInput` for a value of a type that cannot be
    kept, naming its column.
    """
    columns = tuple(table.columns)
    source = iter(rows)
    while chunk := list(islice(source, _ROWS_IN_CHUNK)):
        packed = [[_packed(v, c) for v, c in zip(row, columns, strict=True)] for row in chunk]
        try:
            data = _encoder.encode(packed)
        except (OverflowError, TypeError) as error:
            message = f"table {table.name!r} holds a value that a snapshot cannot keep: {error}"
            raise InvalidInput(message) from error
        yield len(data).to_bytes(_LENGTH, "big")
        yield data


def load(table: Table, file: BinaryIO) -> Iterator[list[dict[str, object]]]:
    """Yield the rows that *file* holds for *table*, chunk by chunk, by the keys of its columns.

    Raises `SnapshotDamaged` when it does not hold what `dump` wrote for such a table.
    """
    keys = [column.key for column in table.columns]
    enumerations = {
        index: found
        for index, column in enumerate(table.columns)
        if (found := getattr(column.type, "enum_class", None)) is not None
    }
    while length := file.read(_LENGTH):
        size = int.from_bytes(length, "big")
        data = file.read(size) if len(length) == _LENGTH and size <= _LARGEST_CHUNK else b""
        try:
            rows = _decoder.decode(data)
            for index, enumeration in enumerations.items():
                for row in rows:
                    row[index] = _member(enumeration, row[index])
            yield [dict(zip(keys, row, strict=True)) for row in rows]
        except (msgspec.DecodeError, KeyError, ValueError, ArithmeticError) as error:
            message = f"the snapshot's rows of table {table.name!r} cannot be read: {error}"
            raise SnapshotDamaged(message) from error


def _packed(value: object, column: Column[object]) -> object:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in _TO_TEXT:
        code, write = _TO_TEXT[kind]
        return msgspec.msgpack.Ext(code, write(value).encode())
    if isinstance(value, list | tuple):
        return [_packed(item, column) for item in value]
    if isinstance(value, dict):
        return {str(key): _packed(item, column) for key, item in value.items()}
    if isinstance(value, Enum):
        return msgspec.msgpack.Ext(_ENUM, value.name.encode())
    message = (
        f"column {column} holds a {kind.__name__}, which a snapshot cannot keep; give the column a "
        "type of SQLAlchemy's that comes back as a plain value"
    )
    raise InvalidInput(message)


def _member(enumeration: type[Enum], value: object) -> object:
    return enumeration[value] if isinstance(value, _Member) else value

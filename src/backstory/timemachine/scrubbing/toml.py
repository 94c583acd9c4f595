"""A policy as people write it: TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

import msgspec

from backstory.core.errors import InvalidSetting
from backstory.timemachine.scrubbing.checking import nearest
from backstory.timemachine.scrubbing.treatment import Treatment

_TREATMENTS: Final = {one.value: one for one in Treatment}
_SECTIONS: Final = ("events", "others", "streams", "metadata", "tables")
_OF_A_TYPE: Final = ("fields", "unknown", "retired")

Table = Mapping[str, object]
NOTHING: Final[Mapping[str, Treatment]] = MappingProxyType({})


class WrittenType(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy says of one event type; `retired` that the schema has it no more."""

    fields: Mapping[str, Treatment] = NOTHING
    unknown: Treatment | None = None
    retired: bool = False


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy says, section by section."""

    events: Mapping[str, WrittenType]
    others: Treatment | None
    streams: Mapping[str, Treatment]
    metadata: Mapping[str, Treatment]
    tables: Mapping[str, Mapping[str, Treatment]]

    @property
    def treats_anything(self) -> bool:
        """Return whether a field of an event type is not simply kept."""
        named = [one for kind in self.events.values() for one in kind.fields.values()]
        return any(one is not Treatment.KEEP for one in named)


def read_policy(place: Path | str) -> Written:
    """Return what the TOML file at a path, or the TOML text, says.

    Raises `InvalidSetting` when it cannot be read, is no TOML, has a section or a treatment that
    there is not.
    """
    name = f"the policy {place}" if isinstance(place, Path) else "the policy"
    try:
        text = place.read_text(encoding="utf-8") if isinstance(place, Path) else place
        document: Table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        message = f"{name} cannot be read: {error}"
        raise InvalidSetting(message) from error
    except tomllib.TOMLDecodeError as error:
        message = f"{name} is not TOML: {error}"
        raise InvalidSetting(message) from error
    try:
        return _written(document)
    except InvalidSetting as error:
        message = f"{name}: {error}"
        raise InvalidSetting(message) from error


def _written(document: Table) -> Written:
    _only(document, _SECTIONS, "a section")
    streams = _treatments(document, "streams")
    for category, treatment in streams.items():
        if treatment is Treatment.DROP:
            message = f"streams.{category} cannot be dropped: a stream needs a name of its own"
            raise InvalidSetting(message)
    events = _table(document, "events")
    tables = _table(document, "tables")
    others = document.get("others")
    return Written(
        events={name: _written_type(_table(events, name), name) for name in events},
        others=None if others is None else _treatment(others, "others"),
        streams=streams,
        metadata=_treatments(document, "metadata"),
        tables={name: _treatments(tables, name) for name in tables},
    )


def _written_type(table: Table, name: str) -> WrittenType:
    _only(table, _OF_A_TYPE, f"a setting of events.{name}")
    unknown, retired = table.get("unknown"), table.get("retired", False)
    if not isinstance(retired, bool):
        message = f"events.{name}.retired is true or false, not {retired!r}"
        raise InvalidSetting(message)
    return WrittenType(
        fields=_treatments(table, "fields"),
        unknown=None if unknown is None else _treatment(unknown, f"events.{name}.unknown"),
        retired=retired,
    )


def _treatments(table: Table, name: str) -> dict[str, Treatment]:
    return dict(_flat(_table(table, name), ""))


def _flat(table: Table, above: str) -> Iterator[tuple[str, Treatment]]:
    """Yield each path: `address.street = …` is a table in a table, to TOML."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(cast("Table", value), f"{above}{name}.")
        else:
            yield above + name, _treatment(value, above + name)


def _treatment(value: object, name: str) -> Treatment:
    if isinstance(value, str) and value in _TREATMENTS:
        return _TREATMENTS[value]
    message = f"{name} is given the treatment {value!r}, and there is no such treatment"
    raise InvalidSetting(message + nearest(str(value), _TREATMENTS))


def _table(table: Table, name: str) -> Table:
    value = table.get(name, {})
    if not isinstance(value, dict):
        message = f"{name!r} is a section of its own, not {value!r}"
        raise InvalidSetting(message)
    return cast("Table", value)


def _only(table: Table, known: tuple[str, ...], what: str) -> None:
    for name in table:
        if name not in known:
            message = f"{name!r} is not {what} of a policy{nearest(name, known)}"
            raise InvalidSetting(message)

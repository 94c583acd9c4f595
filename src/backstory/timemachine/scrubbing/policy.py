"""The policy: what is done with which field of which event type."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from backstory.core.schema import EventType, Schema
from backstory.timemachine.scrubbing.checking import check_type_policy
from backstory.timemachine.scrubbing.declared import ITEM, Declared, declared_fields
from backstory.timemachine.scrubbing.toml import WrittenType, read_policy
from backstory.timemachine.scrubbing.treatment import Treatment

NONE: Final[Mapping[str, Treatment]] = MappingProxyType({})


class TypePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with the fields of one event type, by their path: `address.street`.

    A path speaks for everything below it that no longer path names. Items of lists have the path
    of the list, `*` is any name, `$keys` are the names of an object themselves. `unknown` is for
    fields that no path names, such as those of shapes the type had before.
    """

    fields: Mapping[str, Treatment] = NONE
    unknown: Treatment = Treatment.PSEUDONYM


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with personal data, wherever it is.

    `events` speaks of event types by name, `others` of those it does not name. `streams` says of
    categories whether what follows the category in the name of a stream is kept, `metadata` what
    is done with what events carry beside their data, `tables` with the columns of read models. In
    each of them `*` stands for all that is not named.

    Where nothing is said, the safe side is taken: a pseudonym. Left as they are: what metadata
    holds under `$` names and `traceparent`; and a stream whose key is a UUID or a number of up to
    six digits, which code made and no person is called by.
    """

    events: Mapping[str, TypePolicy] = MappingProxyType({})
    others: Treatment = Treatment.PSEUDONYM
    streams: Mapping[str, Treatment] = NONE
    metadata: Mapping[str, Treatment] = NONE
    tables: Mapping[str, Mapping[str, Treatment]] = MappingProxyType({})

    @property
    def treats_anything(self) -> bool:
        """Return whether any field that the policy names is not simply kept."""
        return any(
            treatment is not Treatment.KEEP
            for named in self.events.values()
            for treatment in named.fields.values()
        )

    def digest(self) -> str:
        """Return a hash that two policies share when they say the same."""
        document = msgspec.json.encode(self, enc_hook=dict, order="deterministic")
        return hashlib.sha256(document).hexdigest()


def policy_of(schema: Schema) -> Policy:
    """Return the policy that the marks on the event types of *schema* ask for.

    A marked field becomes a pseudonym, a boolean one and one marked with *drop* goes; other fields
    that the type declares are kept. What the type does not declare becomes a pseudonym if anything
    in the type is marked or nothing declared, and is kept otherwise. Raises `SchemaError` for
    annotations that cannot be resolved.
    """
    events: dict[str, TypePolicy] = {}
    identifying = marked = False
    for one in schema.types:
        declared = declared_fields(one.python)
        named = _type_policy(declared)
        events |= dict.fromkeys((one.name, *one.formerly), named)
        identifying |= any(field.identifies for field in declared.values())
        marked |= any(field.personal for field in declared.values())
    streams = NONE
    if identifying or not marked:
        streams = {ITEM: Treatment.PSEUDONYM if identifying else Treatment.KEEP}
    return Policy(events=events, streams=streams)


def load_policy(place: Path | str, schema: Schema | None = None) -> Policy:
    """Return the policy in a TOML file, or in a text that holds TOML.

    With a *schema* it says what differs from `policy_of` the schema, and every type and path in it
    must be one of the schema's; a type that the schema lacks by intent says `retired = true`, and
    old paths may be named of types with more than one version.

    Raises `InvalidSetting` for what cannot be read or used, with the nearest name that could have
    been meant, and what `policy_of` raises.
    """
    written = read_policy(place)
    plain = Policy() if schema is None else policy_of(schema)
    events = dict(plain.events)
    for name, changes in written.events.items():
        if schema is not None and not changes.retired:
            check_type_policy(name, tuple(changes.fields), schema)
        events |= _changed(name, changes, plain, schema)
    # What is written may speak of types that have no marks, so keeping all keys is off.
    streams = {} if written.treats_anything and not plain.treats_anything else plain.streams
    return Policy(
        events=events,
        others=written.others or plain.others,
        streams={**streams, **written.streams},
        metadata=written.metadata,
        tables=written.tables,
    )


def _type_policy(declared: Mapping[str, Declared]) -> TypePolicy:
    fields = {path: _treatment(field) for path, field in declared.items() if field.leaf}
    safe = not fields or any(field.personal for field in declared.values())
    return TypePolicy(fields=fields, unknown=Treatment.PSEUDONYM if safe else Treatment.KEEP)


def _treatment(field: Declared) -> Treatment:
    if field.drop:
        return Treatment.DROP
    return Treatment.PSEUDONYM if field.personal else Treatment.KEEP


def _changed(
    name: str, changes: WrittenType, plain: Policy, schema: Schema | None
) -> dict[str, TypePolicy]:
    """Return what is said of the type and of the names it had before."""
    before = plain.events.get(name)
    names = {name} if changes.retired or schema is None else _names(schema.type_named(name), name)
    treats = any(one is not Treatment.KEEP for one in changes.fields.values())
    fields = dict(before.fields) if before is not None else {}
    for path in changes.fields:
        for inner in [one for one in fields if one.startswith(f"{path}.")]:
            del fields[inner]  # a path speaks for all that is below it
    unknown = changes.unknown
    if unknown is None:
        kept = before is not None and not treats
        unknown = before.unknown if before is not None and kept else Treatment.PSEUDONYM
    changed = TypePolicy(fields=fields | dict(changes.fields), unknown=unknown)
    return dict.fromkeys(names, changed)


def _names(one: EventType, name: str) -> set[str]:
    return {one.name, *one.formerly} if name == one.name else {name}

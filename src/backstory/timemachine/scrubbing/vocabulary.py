"""The words of an application: names that stand in every document whoever its users are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backstory.core.schema import Schema
from backstory.timemachine.scrubbing.policy import Policy

_WORD = re.compile(r"[^\W_]+")


def vocabulary_of(policy: Policy, schema: Schema | None) -> frozenset[str]:
    """Return the names of event types, fields, categories and tables, and the words in them."""
    names = set(_names(policy))
    if schema is not None:
        names |= {name for one in schema.types for name in (one.name, *one.formerly)}
    words = {word for name in names for word in _WORD.findall(name)}
    return frozenset(names | words)


def _names(policy: Policy) -> Iterator[str]:
    yield from policy.events
    yield from policy.streams
    yield from policy.metadata
    yield from policy.tables
    for named in policy.events.values():
        for path in named.fields:
            yield from path.split(".")
    for columns in policy.tables.values():
        yield from columns

"""A policy made ready to run: what is done at each place of a JSON document."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from backstory.core.schema import Schema
from backstory.timemachine.scrubbing.declared import ITEM, KEYS, Declared, declared_fields
from backstory.timemachine.scrubbing.policy import Policy, TypePolicy
from backstory.timemachine.scrubbing.treatment import Treatment

_FIELD_NAME: Final = re.compile(r"[A-Za-z_$@][\w$@./:-]{0,63}", re.ASCII)
_PERSONAL_NAME: Final = re.compile(r"[^@\s]+@[^@\s]+")

GONE: Final = object()
"""In the place of a value: the field is to be left out."""


class Rule(msgspec.Struct):
    """What is done at one place, and below it by name.

    `declared` is what the type says of the field, None where no type is known.
    """

    treatment: Treatment
    inner: dict[str, Rule] = msgspec.field(default_factory=dict)
    declared: Declared | None = None

    @property
    def keeps(self) -> bool:
        """Return whether everything stays as it is, here and below."""
        return self.treatment is Treatment.KEEP and all(one.keeps for one in self.inner.values())

    def below(self, name: str) -> Rule:
        """Return the rule for the field called *name*."""
        found = self.inner.get(name) or self.inner.get(ITEM)
        return Rule(self.treatment) if found is None else found


def rule_of(named: TypePolicy, declared: Mapping[str, Declared]) -> Rule:
    """Return the rule for the data of one event type, whose type declares what is *declared*."""
    root = Rule(named.unknown)
    for path, treatment in sorted(named.fields.items(), key=lambda item: item[0].count(".")):
        rule = root
        for name in path.split("."):
            # Above a path that is named, nothing is said but what holds for unknown fields.
            above = rule.treatment if rule is not root else named.unknown
            rule = rule.inner.setdefault(name, Rule(above))
        rule.treatment = treatment
        rule.declared = declared.get(path)
    return root


def rules_of(policy: Policy, schema: Schema | None) -> dict[str, Rule]:
    """Return the rule of each event type that *policy* names."""
    declared: dict[str, Mapping[str, Declared]] = {}
    for one in schema.types if schema is not None else ():
        declared |= dict.fromkeys((one.name, *one.formerly), declared_fields(one.python))
    return {name: rule_of(named, declared.get(name, {})) for name, named in policy.events.items()}


class Treating:
    """The work on documents: pseudonyms come from *text* and *number*, *dropped* is told the rest.

    `own` is the key of the stream that the document stands in, where that gets a pseudonym: the
    same text gets it everywhere in the document, so that code which compares the two goes on.
    """

    def __init__(
        self,
        *,
        text: Callable[[str], str],
        number: Callable[[float], int | float],
        choice: Callable[[object, tuple[object, ...]], object],
        dropped: Callable[[object], None],
    ) -> None:
        """Take what makes pseudonyms."""
        self._text = text
        self._number = number
        self._choice = choice
        self._dropped = dropped

    def treated(self, value: object, rule: Rule, own: str | None) -> object:
        """Return what *rule* makes of *value*; `GONE` when the field is to be left out."""
        treatment = rule.treatment
        if treatment is Treatment.DROP:
            return self._without(value, rule.declared)
        if isinstance(value, dict):
            return self._object(value, rule, own)
        if isinstance(value, list):
            return [one for item in value if (one := self.treated(item, rule, own)) is not GONE]
        if treatment is Treatment.KEEP:
            return self._text(value) if isinstance(value, str) and value == own else value
        return self._pseudonym(value, rule.declared)

    def _object(self, value: dict[str, object], rule: Rule, own: str | None) -> object:
        if own is None and rule.treatment is Treatment.KEEP and not rule.inner:
            return value
        keys = rule.inner.get(KEYS)
        if keys is not None and keys.treatment is Treatment.DROP:
            self._dropped(value)
            return {}
        found: dict[str, object] = {}
        for name, inner in value.items():
            treated = self.treated(inner, rule.below(name), own)
            if treated is not GONE:
                found[self._name(name, rule, keys)] = treated
        return found

    def _name(self, name: str, rule: Rule, keys: Rule | None) -> str:
        """Return what a name becomes: one that code gave stays, unless names are personal."""
        if keys is not None:
            return self._text(name) if keys.treatment is Treatment.PSEUDONYM else name
        if name in rule.inner or rule.treatment is Treatment.KEEP:
            return name
        if _FIELD_NAME.fullmatch(name) and not _PERSONAL_NAME.fullmatch(name):
            return name
        return self._text(name)

    def _pseudonym(self, value: object, declared: Declared | None) -> object:
        if declared is not None and declared.options:
            return self._choice(value, declared.options)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bool) or value is None:
            return value
        return self._number(value) if isinstance(value, int | float) else value

    def _without(self, value: object, declared: Declared | None) -> object:
        self._dropped(value)
        if declared is None or not declared.required:
            return GONE
        return None if declared.nullable else _empty(value, declared)


def _empty(value: object, declared: Declared | None) -> object:
    if declared is not None and declared.options:
        return declared.options[0]
    if isinstance(value, dict):
        return {name: _empty(inner, None) for name, inner in value.items()}
    return type(value)() if value is not None else None

"""The scrubber: events without personal data, with what connects them left in place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from backstory.core import encoding
from backstory.core.ambient import TRACEPARENT
from backstory.core.errors import CaptureRefused
from backstory.core.events import NO_METADATA, RecordedEvent
from backstory.core.schema import Schema
from backstory.timemachine.scrubbing.columns import Columns
from backstory.timemachine.scrubbing.declared import ITEM
from backstory.timemachine.scrubbing.keys import check_key, key_from_file, key_id_of, new_key
from backstory.timemachine.scrubbing.policy import Policy, TypePolicy
from backstory.timemachine.scrubbing.pseudonyms import Pseudonyms
from backstory.timemachine.scrubbing.remembered import Remembered, replaced
from backstory.timemachine.scrubbing.rules import GONE, Rule, Treating, rule_of, rules_of
from backstory.timemachine.scrubbing.treatment import Treatment
from backstory.timemachine.scrubbing.vocabulary import vocabulary_of

__all__ = ["Scrubber", "key_from_file", "new_key"]

_SYSTEM: Final = "$$"
_MADE_BY_CODE: Final = re.compile(r"\d{1,6}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_MOST_LEAKS: Final = 100


class Scrubber:
    """Treats events, names of streams and texts as a policy says.

    Equal values get equal pseudonyms under one key, in all events, streams and captures. The
    originals are remembered as hashes, in a fixed 32 MiB, to find them again in texts.
    """

    def __init__(self, policy: Policy, key: bytes, schema: Schema | None = None) -> None:
        """Treat by *policy*, with pseudonyms under *key*.

        The *schema* says which fields an event can do without, and which values they can have.
        Raises `InvalidSetting` for a key that is too short.
        """
        self._policy = policy
        self._digest = policy.digest()
        self._key_id = key_id_of(check_key(key))
        self._remembered = Remembered()
        self._pseudonyms = Pseudonyms(key, self._remembered.add)
        self._rules = rules_of(policy, schema)
        self._kept = frozenset(name for name, rule in self._rules.items() if rule.keeps)
        self._other = Rule(policy.others)
        self._metadata = _metadata_rule(policy.metadata)
        self._treating = Treating(
            text=self._pseudonyms.text,
            number=self._pseudonyms.number,
            choice=self._pseudonyms.choice,
            dropped=self._forget,
        )
        self._columns = Columns(policy.tables, self.value, self._forget)
        self._vocabulary = vocabulary_of(policy, schema)

    @property
    def policy(self) -> str:
        """Return the hash of the policy."""
        return self._digest

    @property
    def key_id(self) -> str:
        """Return a short hash of the key."""
        return self._key_id

    @property
    def key(self) -> str:
        """Return a short hash of the key, as a capture's manifest calls it."""
        return self._key_id

    def event(self, recorded: RecordedEvent) -> RecordedEvent:
        """Return *recorded* treated: data, metadata and the name of its stream.

        Raises `InvalidEvent` for data that is not JSON, `CaptureRefused` for data nested too deep.
        """
        stream = self.stream(recorded.stream)
        own = recorded.stream.partition("-")[2] if stream != recorded.stream else None
        try:
            data = self._data(recorded, own)
            metadata = self._metadata_of(recorded, own)
        except RecursionError as error:
            message = (
                f"the data of {recorded.type!r} at {recorded.place} is nested too deep to be "
                "scrubbed; keep its type in the policy"
            )
            raise CaptureRefused(message) from error
        return RecordedEvent(
            recorded.position,
            stream,
            recorded.revision,
            recorded.type,
            data,
            metadata,
            recorded.id_bytes,
            recorded.recorded_us,
        )

    def stream(self, name: str) -> str:
        """Return the name that the stream gets: its category, and a pseudonym for the rest.

        The pseudonym is the one that a field of the same value has.
        """
        category, mark, key = name.partition("-")
        if not key:
            return name
        said = self._policy.streams
        treatment = said.get(category.removeprefix(_SYSTEM), said.get(ITEM))
        kept = treatment is Treatment.KEEP
        if kept or (treatment is None and _MADE_BY_CODE.fullmatch(key)):
            return name
        return category + mark + self._pseudonyms.text(key)

    def value(self, value: object) -> object:
        """Return the pseudonym of a value that was found elsewhere; of a list, of each item.

        It is the one that events get for it. Booleans, null and what is no JSON stay.
        """
        treated = self._treating.treated(value, _PSEUDONYM, None)
        return value if treated is GONE else treated

    def text(self, text: str) -> str:
        """Return *text* with pseudonyms for the values that were treated, and for any e-mail.

        Values are found as whole words, once the events that hold them have been treated. Part of
        a value is not, nor one of a single character, a number of up to three digits, or a word of
        the schema.
        """
        pieces, end = [], 0
        for mail in _MAIL.finditer(text):
            pieces += [self._without_values(text[end : mail.start()])]
            pieces += [self._pseudonyms.text(mail[0])]
            end = mail.end()
        return "".join([*pieces, self._without_values(text[end:])])

    def row(self, table: str, row: Mapping[str, object]) -> Mapping[str, object]:
        """Return a row of a read model, its columns treated as the policy says of *table*.

        A column that the policy does not name gets pseudonyms; a dropped one holds None.
        """
        return self._columns.treated(table, row)

    def leaks(self, document: bytes) -> Sequence[str]:
        """Return values that were treated and yet stand in *document*, at most 100 of them.

        Looked for are whole words of five characters or more and numbers of nine digits or more;
        shorter ones turn up by chance. Not counted are words of the schema
        and the policy (a user may be called `user`), and what is a pseudonym of another value, too.
        A value that a kept field holds does count: the policy has missed it.
        """
        text = document.decode(errors="replace")
        found = dict.fromkeys(self._leaked(text))
        return tuple(found)[:_MOST_LEAKS]

    def _leaked(self, text: str) -> Iterator[str]:
        for one in self._remembered.found_in(text):
            known = one.value in self._vocabulary or self._remembered.was_given(one.value)
            if not known and _is_looked_for(one.value, 5, 9):
                yield one.value

    def _without_values(self, text: str) -> str:
        found = (
            one
            for one in self._remembered.found_in(text)
            if _is_looked_for(one.value, 2, 4) and one.value not in self._vocabulary
        )
        return replaced(text, found, self._pseudonyms.text)

    def _data(self, recorded: RecordedEvent, own: str | None) -> bytes:
        document = recorded.data
        if recorded.type in self._kept and (own is None or not _may_hold(document, own)):
            return document
        rule = self._rules.get(recorded.type, self._other)
        treated = self._treating.treated(encoding.decode(document), rule, own)
        # Written anew even when nothing changed: a name that stands twice in an object would hide
        # its first value from us, and not from who reads the bytes.
        return _encoder.encode(None if treated is GONE else treated)

    def _metadata_of(self, recorded: RecordedEvent, own: str | None) -> bytes:
        if recorded.metadata == NO_METADATA:
            return recorded.metadata
        found = recorded.meta()
        ours = {name: value for name, value in found.items() if name.startswith("$")}
        if len(ours) == len(found):
            return recorded.metadata
        theirs = {name: value for name, value in found.items() if name not in ours}
        treated = self._treating.treated(theirs, self._metadata, own)
        return _encoder.encode({**ours, **cast("dict[str, object]", treated)})

    def _forget(self, value: object) -> None:
        """Remember what was dropped as something that must not be found."""
        if isinstance(value, dict):
            for inner in value.values():
                self._forget(inner)
        elif isinstance(value, list):
            for inner in value:
                self._forget(inner)
        elif isinstance(value, str):
            self._remembered.add(value)


_encoder: Final = msgspec.json.Encoder()
_PSEUDONYM: Final = Rule(Treatment.PSEUDONYM)


def _metadata_rule(said: Mapping[str, Treatment]) -> Rule:
    fields = {TRACEPARENT: Treatment.KEEP, **said}
    return rule_of(TypePolicy(fields=fields, unknown=Treatment.PSEUDONYM), {})


def _is_looked_for(value: str, shortest: int, shortest_number: int) -> bool:
    return len(value) >= (shortest_number if value.isdigit() else shortest)


def _may_hold(document: bytes, text: str) -> bool:
    return b"\\" in document or text.encode() in document

"""Who asked, why, and in which conversation: what a command leaves in its events' metadata."""

from __future__ import annotations

import msgspec

from backstory.core.ambient import TRACEPARENT, correlation, traceparent
from backstory.core.events import CAUSATION, CORRELATION, NewEvent, RecordedEvent
from backstory.core.ids import IdSource, text_of, uuid7

ACTOR = "actor"
COMMAND = "command"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of a command.

    `correlation_id` is the same for all that follows from one first cause, `causation_id` names the
    event (or message) that directly caused this, `actor` who asked, `command` what for.
    """

    correlation_id: str
    causation_id: str | None = None
    actor: str | None = None
    command: str | None = None

    @classmethod
    def start(cls, *, actor: str | None = None, ids: IdSource = uuid7) -> Context:
        """Return the context of a first cause.

        Its correlation is the one that surrounds the caller (`correlated`), else a new one, whose
        id is taken from *ids*.
        """
        return cls(correlation_id=correlation() or text_of(ids()), actor=actor)

    @classmethod
    def of(cls, event: RecordedEvent) -> Context:
        """Return the context *event* was written in.

        An event without a correlation id starts one of its own: its id. Raises `InvalidEvent`
        when the metadata is no JSON object.
        """
        meta = event.meta()
        return cls(
            correlation_id=_text(meta, CORRELATION) or text_of(event.id),
            causation_id=_text(meta, CAUSATION),
            actor=_text(meta, ACTOR),
            command=_text(meta, COMMAND),
        )

    def caused_by(self, event: RecordedEvent | NewEvent) -> Context:
        """Return the context of what *event* causes: the same correlation and actor."""
        return Context(
            correlation_id=self.correlation_id, causation_id=text_of(event.id), actor=self.actor
        )

    def metadata(self) -> dict[str, object]:
        """Return the context as event metadata; what is not known is left out.

        The span that the caller runs in, if any, is part of it: `traceparent`, as W3C has it.
        """
        named = {
            CORRELATION: self.correlation_id,
            CAUSATION: self.causation_id,
            ACTOR: self.actor,
            COMMAND: self.command,
            TRACEPARENT: traceparent(),
        }
        return {name: value for name, value in named.items() if value is not None}


def _text(meta: dict[str, object], name: str) -> str | None:
    value = meta.get(name)
    return value if isinstance(value, str) else None

"""Contexts: what a command leaves in the metadata of its events."""

from __future__ import annotations

from uuid import UUID

import pytest

from backstory.core.encoding import encode
from backstory.core.errors import InvalidEvent
from backstory.core.events import NewEvent, RecordedEvent
from backstory.domain.context import Context

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def recorded(metadata: object) -> RecordedEvent:
    """Return a recorded event with *metadata*."""
    return RecordedEvent(1, "a", 0, "a", b"1", encode(metadata), ID.bytes, 0)


def test_metadata_uses_the_names_of_kurrentdb_and_leaves_out_what_is_unknown() -> None:
    """Other tools find the correlation where they look for it."""
    full = Context(correlation_id="c", causation_id="e", actor="ann", command="Open")
    assert full.metadata() == {
        "$correlationId": "c",
        "$causationId": "e",
        "actor": "ann",
        "command": "Open",
    }
    assert Context(correlation_id="c").metadata() == {"$correlationId": "c"}


def test_a_first_cause_starts_a_correlation_of_its_own() -> None:
    """From the source of ids, so that a replay can repeat it."""
    assert Context.start(actor="ann", ids=lambda: ID) == Context(
        correlation_id=str(ID), actor="ann"
    )
    assert Context.start().correlation_id != Context.start().correlation_id


@pytest.mark.parametrize("event", [recorded({}), NewEvent("a", b"1", id=ID)])
def test_what_an_event_causes_keeps_correlation_and_actor(event: RecordedEvent | NewEvent) -> None:
    """The causation is the event; the command is a new one."""
    cause = Context(correlation_id="c", causation_id="before", actor="ann", command="Open")
    assert cause.caused_by(event) == Context(correlation_id="c", causation_id=str(ID), actor="ann")


def test_the_context_of_an_event_is_the_one_it_was_written_in() -> None:
    """A reactor goes on in the same conversation."""
    context = Context(correlation_id="c", causation_id="e", actor="ann", command="Open")
    assert Context.of(recorded({**context.metadata(), "more": 1})) == context


@pytest.mark.parametrize("metadata", [{}, {"$correlationId": 7, "actor": None}])
def test_an_event_without_a_correlation_starts_one(metadata: dict[str, object]) -> None:
    """Its id: whatever it causes can be found again. Values that are no texts do not count."""
    assert Context.of(recorded(metadata)) == Context(correlation_id=str(ID))


def test_damaged_metadata_is_an_invalid_event() -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidEvent):
        Context.of(recorded([]))

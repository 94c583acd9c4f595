"""A step as lines for programs: one of JSON, or several of tab-separated fields."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import compact, envelope, json_line, timestamp
from backstory.cli.values import json_of, raw
from backstory.core.errors import BackstoryError, InvalidEvent
from backstory.timemachine.diffing.values import PathChange, diff_values

if TYPE_CHECKING:
    from backstory.core.events import RecordedEvent
    from backstory.timemachine.states import State
    from backstory.timemachine.stepping.journal import RowChange
    from backstory.timemachine.stepping.stepper import Step

Row = dict[str, msgspec.Raw]


class StateOf(msgspec.Struct, frozen=True):
    """The state of a stream, and the revision that it stands at; None before its first event."""

    revision: int | None
    state: msgspec.Raw


class RowLine(msgspec.Struct, frozen=True):
    """One change of one row, by column; None where there was no row."""

    table: str
    kind: str
    before: Row | None
    after: Row | None


class FailureLine(msgspec.Struct, frozen=True):
    """Why a handler failed, and where in the code."""

    reason: str
    handler: str


class StepLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `step --json` writes of each step, in this order.

    `step` is `done`, or `undone` for one that was taken back. The states are None where the
    application has no decider for the stream. The event is as `read --json` writes it.
    """

    step: str
    event: msgspec.Raw
    before: StateOf | None
    after: StateOf | None
    fold_failure: str | None
    changes: list[RowLine]
    failures: dict[str, FailureLine]
    parked: dict[str, str]
    standing: list[str]


def step_line(step: Step, *, undone: bool) -> bytes:
    """Return *step* as one line of JSON."""
    line = StepLine(
        step=done_or_undone(undone=undone),
        event=msgspec.Raw(envelope(step.event)),
        before=state_of(step.before),
        after=state_of(step.after),
        fold_failure=None if step.fold_failure is None else reason_of(step.fold_failure),
        changes=[
            RowLine(change.table, word_of(change), _row(change.before), _row(change.after))
            for change in step.changes
        ],
        failures={
            name: FailureLine(failure.reason, failure.handler)
            for name, failure in step.failures.items()
        },
        parked=dict(step.parked),
        standing=list(step.standing),
    )
    return json_line(line)


def step_fields(step: Step, *, undone: bool) -> Iterator[tuple[object, ...]]:
    """Yield *step* as lines of fields, the first of which says what the line is about."""
    yield done_or_undone(undone=undone), *event_fields(step.event), data_of(step.event)
    for change in state_changes(step):
        yield "state", change.path, change.kind.value, _json(change.before), _json(change.after)
    for row in step.changes:
        yield "row", row.table, word_of(row), _json(row.before), _json(row.after)
    if step.fold_failure is not None:
        yield "fold-failed", step.event.stream, reason_of(step.fold_failure)
    for name, failure in step.failures.items():
        yield "failed", name, failure.reason, failure.handler
    for name, reason in step.parked.items():
        yield "parked", name, reason
    for name in step.standing:
        yield "standing", name


def done_or_undone(*, undone: bool) -> str:
    """Return the word for what was done with a step."""
    return "undone" if undone else "done"


def event_fields(event: RecordedEvent) -> tuple[str, str, str, str, str]:
    """Return what names *event*, field by field."""
    return (
        str(event.position),
        timestamp(event.recorded_at),
        event.stream,
        str(event.revision),
        event.type,
    )


def data_of(event: RecordedEvent) -> str:
    """Return the data of *event* in one line."""
    try:
        return compact(event.data).decode()
    except InvalidEvent:
        return f"(no JSON) {event.data!r}"


def state_changes(step: Step) -> tuple[PathChange, ...]:
    """Return what the event made another in the state of its stream, path by path."""
    if step.before is None or step.after is None:
        return ()
    return tuple(diff_values(step.before.value, step.after.value))


def state_of(state: State | None) -> StateOf | None:
    """Return *state* for JSON."""
    return None if state is None else StateOf(state.revision, raw(state.value))


def word_of(change: RowChange) -> str:
    """Return what happened to a row, in one word."""
    return change.kind.name.lower()


def reason_of(error: Exception) -> str:
    """Return why a user's code failed, and where, in one line."""
    reason = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, BackstoryError) or not frames:
        return reason
    return f"{reason}, in {frames[-1].filename}:{frames[-1].lineno} ({frames[-1].name})"


def _row(values: Mapping[str, object] | None) -> Row | None:
    return None if values is None else {name: raw(value) for name, value in values.items()}


def _json(value: object) -> str:
    return json_of(dict(value) if isinstance(value, Mapping) else value).decode()

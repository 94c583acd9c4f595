"""Conditions that are written as Python expressions.

They are evaluated by Python, with all that Python can do: they are for the user's own machine and
the user's own code, and are never taken from a store, a capture or the network.
"""

from __future__ import annotations

from types import CodeType, SimpleNamespace
from typing import Final

from backstory.core.errors import InvalidEvent, InvalidInput, SchemaError
from backstory.core.events import RecordedEvent
from backstory.core.schema import Schema
from backstory.timemachine.states import State
from backstory.timemachine.stepping.stepper import Step

NAMES: Final = "event, recorded, before, after, changes, failures, step"


class Expression:
    """A Python expression about a step, which tells whether the step is the one looked for.

    It knows `event` (the decoded value; plain JSON where the schema does not know the type),
    `recorded` (the event as it was recorded), `before` and `after` (the values of the states),
    `changes`, `failures` and the whole `step`. Where it cannot be evaluated, because another event
    has no such field, it does not hold; `failed` counts that and `failure` holds the first reason.

    Raises `InvalidInput` for what is no expression.
    """

    def __init__(self, text: str, schema: Schema) -> None:
        """Take the expression *text*, and the *schema* that decodes events."""
        self.text: str = text.strip()
        self._schema = schema
        try:
            self._code: CodeType = compile(self.text, "<where>", "eval")
        except (SyntaxError, ValueError) as error:
            message = f"{self.text!r} is no Python expression: {error}; it may use {NAMES}"
            raise InvalidInput(message) from error
        self.failed: int = 0
        self.failure: str | None = None

    def __call__(self, step: Step) -> bool:
        """Say whether it holds at *step*."""
        try:
            # The user's own expression, on the user's own machine.
            return bool(eval(self._code, self._names(step)))  # noqa: S307 - see the line above
        except Exception as error:  # noqa: BLE001 - whatever the expression raises
            self.failed += 1
            if self.failure is None:
                self.failure = f"{type(error).__name__}: {error}, at {step.event.place}"
            return False

    def _names(self, step: Step) -> dict[str, object]:
        return {
            "event": self._decoded(step.event),
            "recorded": step.event,
            "before": _value(step.before),
            "after": _value(step.after),
            "changes": step.changes,
            "failures": step.failures,
            "step": step,
        }

    def _decoded(self, event: RecordedEvent) -> object:
        try:
            return self._schema.decode(event)
        except SchemaError:
            try:
                return event.json()
            except InvalidEvent:
                return SimpleNamespace()


def _value(state: State | None) -> object:
    return None if state is None else state.value

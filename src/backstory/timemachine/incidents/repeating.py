"""Repeating a command that failed, against the state that it saw."""

from __future__ import annotations

import importlib
from contextlib import nullcontext
from typing import cast

import msgspec

from backstory.application import Application
from backstory.core.errors import InvalidSetting
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.read import Read
from backstory.projections.fencing import Fence
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.incidents.incident import FailedCommand, Incident
from backstory.timemachine.states import States


class Repeated(msgspec.Struct, frozen=True):
    """What came of it: FAILS when the same error was raised again; `words` say what was."""

    verdict: Verdict
    words: str


async def repeat(
    incident: Incident,
    command: FailedCommand,
    application: Application,
    history: History,
    fence: Fence | None = None,
) -> Repeated:
    """Decide *command* on the state that its stream had, behind the *fence*.

    Raises `InvalidSetting` when the application has no decider for the stream, or the class of the
    command is not to be found any more.
    """
    states = States(application, history)
    decider = states.decider_of(command.stream)
    if decider is None:
        message = f"application {application.name!r} has no decider for {command.stream!r}"
        raise InvalidSetting(message)
    value = command_of(command)
    seen = await last_seen(command, history)
    state = await states.at(command.stream, 0 if seen is None else seen.position)
    assert state is not None  # noqa: S101 - it has a decider
    around = nullcontext() if fence is None or seen is None else fence.around(seen)
    try:
        with around:
            decided = list(decider.decide(value, state.value))
    except Exception as error:  # noqa: BLE001 - whatever a user's code raises is compared
        name = f"{type(error).__module__}:{type(error).__qualname__}"
        words = f"{type(error).__name__}: {error}"
        if name == incident.error:
            return Repeated(Verdict.FAILS, words)
        return Repeated(Verdict.UNKNOWN, f"another error than {incident.error}: {words}")
    happened = ", ".join(type(event).__name__ for event in decided) or "nothing"
    return Repeated(Verdict.HOLDS, f"the command is decided without an error: {happened}")


async def last_seen(command: FailedCommand, history: History) -> RecordedEvent | None:
    """Return the last event that the command saw of its stream."""
    if command.revision is None:
        return None
    page = await history.read(Read(stream=command.stream, after=command.revision - 1, limit=1))
    return page[0] if page else None


def command_of(command: FailedCommand) -> object:
    """Return the command as a value of its class; raises `InvalidSetting` when that is gone."""
    module_name, _, name = command.command.partition(":")
    try:
        found: object = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
        return msgspec.json.decode(command.fields, type=cast("type[object]", found))
    except (ImportError, AttributeError, msgspec.DecodeError, TypeError) as error:
        message = (
            f"the command {command.command} cannot be made again from what was recorded: {error}. "
            "Was the class renamed, moved or changed?"
        )
        raise InvalidSetting(message) from error

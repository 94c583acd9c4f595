"""The debugger, in the user's own handler, before the guilty event is handled."""

from __future__ import annotations

import pdb  # noqa: T100 - what `--pdb` is for
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from backstory.cli.located_shown import in_words
from backstory.cli.screen import say
from backstory.core.errors import InvalidSetting
from backstory.core.events import RecordedEvent
from backstory.timemachine.incidents.repeating import command_of, last_seen
from backstory.timemachine.replay import Replay
from backstory.timemachine.states import States
from backstory.timemachine.stepping.stepper import Stepper

if TYPE_CHECKING:
    from backstory.application import Application
    from backstory.cli.past import Past
    from backstory.timemachine.incidents.incident import Incident
    from backstory.timemachine.reproducing import Reproduction


async def debug(
    application: Application,
    past: Past,
    done: Reproduction,
    incident: Incident | None,
    *,
    redeliver: bool,
) -> None:
    """Stop in the handler of the guilty event, or of the moment's where nothing names one.

    For an incident it is the decider of its command. Raises `InvalidSetting` when no code of the
    application is concerned.
    """
    if incident is not None and incident.command is not None:
        states = States(application, past.history)
        seen = await last_seen(incident.command, past.history)
        state = await states.at(incident.command.stream, 0 if seen is None else seen.position)
        decider = application.deciders[incident.command.stream.partition("-")[0]]
        command = command_of(incident.command)
        value = None if state is None else state.value
        _stop_in([decider.decide], lambda: list(decider.decide(command, value)))
        return
    failing = done.failing
    event = failing.event if failing is not None and failing.event is not None else None
    event = past.located.event if event is None else event
    if event is None:
        message = "there is no event at the moment to stop before"
        raise InvalidSetting(message)
    functions = _handlers(application, event)
    if not functions:
        message = f"no projection handles {event.type}; choose another moment with --at"
        raise InvalidSetting(message)
    say(f"stopping before {in_words(event)}")
    replay = Replay(deliveries=2 if redeliver else 1)
    async with past.session(application, replay=replay) as session:
        stepper = Stepper(session)
        await stepper.to(event.position - 1)
        # Not in a thread, as it usually is: the debugger talks to whoever sits before the terminal.
        _stop_in(functions, lambda: stepper.apply(event))


def _handlers(application: Application, event: RecordedEvent) -> list[Callable[..., object]]:
    names = application.schema.names_of
    return [
        handler.function
        for projection in application.projections
        for python, handler in projection.handlers.items()
        if event.type in names(python)
    ]


def _stop_in(functions: list[Callable[..., object]], work: Callable[[], object]) -> None:
    debugger = pdb.Pdb(stdout=sys.stderr)
    for function in functions:
        code = function.__code__
        lines = sorted({line for _, _, line in code.co_lines() if line is not None})
        body = next((line for line in lines if line > code.co_firstlineno), code.co_firstlineno)
        debugger.set_break(code.co_filename, body)
    # It would stop at once, here; the first stop is to be in the user's code.
    debugger.rcLines.append("continue")
    try:
        debugger.runcall(work)
    except Exception as error:  # noqa: BLE001 - the failure that is looked for
        say(f"{type(error).__name__}: {error}", style="bold red")

"""The state of one stream for a command."""

from __future__ import annotations

import difflib

import msgspec

from backstory.application import Application
from backstory.cli.envelope import json_line
from backstory.cli.exits import ExitCode
from backstory.cli.located_shown import MomentLine, moment_line, say_moment
from backstory.cli.past import opened_past
from backstory.cli.screen import console, is_terminal, print_json, say, write_bytes
from backstory.cli.values import json_of, raw
from backstory.core.errors import InvalidSetting
from backstory.core.names import category_of
from backstory.explore.visible import visible
from backstory.timemachine.states import State, States


class StateLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `state --json` writes, in this order."""

    stream: str
    revision: int | None
    moment: MomentLine
    state: msgspec.Raw


class Stating(msgspec.Struct, frozen=True):
    """What `state` was asked to show; see its options."""

    application: Application
    stream: str
    json: bool = False

    async def work(self, source: str, at: str | None) -> int:
        """Show it, and return the exit code."""
        async with opened_past(source, at, around=2) as past:
            states = States(self.application, past.history)
            state = await states.at(self.stream, past.position)
            if state is None:
                raise InvalidSetting(self._no_decider())
            if not self.json:
                say_moment(past.located)
            if state.revision is None:
                say(f"{self.stream} had no event yet")
                return ExitCode.FOUND
            if self.json:
                line = StateLine(
                    stream=self.stream,
                    revision=state.revision,
                    moment=moment_line(past.located),
                    state=raw(state.value),
                )
                write_bytes([json_line(line)])
            else:
                self._show(state)
        return ExitCode.DONE

    def _show(self, state: State) -> None:
        document = json_of(state.value)
        if not is_terminal():
            write_bytes([document])
            return
        console().print(f"{visible(self.stream)}@{state.revision}", style="bold cyan")
        print_json(msgspec.json.format(document, indent=2).decode())

    def _no_decider(self) -> str:
        category = category_of(self.stream)
        known = self.application.deciders
        nearest = difflib.get_close_matches(category, known, n=1, cutoff=0)
        hint = f"did you mean {nearest[0]}-…?" if nearest else "it has no deciders at all"
        name = self.application.name
        return f"application {name!r} has no decider for {category!r}; {hint}"

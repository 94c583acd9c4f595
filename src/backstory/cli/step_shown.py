"""What stepping shows: data on stdout in the form that stdout wants, words on stderr."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from backstory.application import Application
from backstory.cli.as_of_shown import write_rows
from backstory.cli.envelope import envelope, json_line
from backstory.cli.located_shown import in_words
from backstory.cli.screen import console, is_terminal, print_json, say, write_bytes, write_row
from backstory.cli.step_breaks import tables_of
from backstory.cli.step_lines import StateOf, event_fields, state_of, step_fields, step_line
from backstory.cli.step_terminal import header, print_step
from backstory.cli.values import json_of
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from sqlalchemy import Table

    from backstory.core.events import RecordedEvent
    from backstory.timemachine.looking import Rows
    from backstory.timemachine.states import State
    from backstory.timemachine.stepping.breakpoints import Breakpoint
    from backstory.timemachine.stepping.stepper import Step


class StreamLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `state` writes with `--json`."""

    stream: str
    position: int
    state: StateOf | None


class WhereLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `where` writes with `--json`: the position, and the events before and behind it."""

    position: int
    last: msgspec.Raw | None
    next: msgspec.Raw | None


class BreakpointLine(msgspec.Struct, frozen=True):
    """What `breaks` writes of each breakpoint with `--json`."""

    breakpoint: int
    words: str


class Shower(msgspec.Struct, frozen=True):
    """Shows what stepping comes to, for people or, with *json*, for programs."""

    application: Application
    json: bool
    limit: int

    @property
    def tables(self) -> Mapping[str, Table]:
        """Return the tables of the application by their names."""
        return tables_of(self.application)

    def step(self, step: Step, *, undone: bool = False) -> None:
        """Write *step*, done or *undone*."""
        if self.json:
            write_bytes([step_line(step, undone=undone)])
        elif is_terminal():
            print_step(step, self.tables, undone=undone)
        else:
            for fields in step_fields(step, undone=undone):
                write_row(*fields)

    def state(self, stream: str, state: State | None, position: int) -> None:
        """Write the *state* of *stream*."""
        if self.json:
            line = StreamLine(stream=stream, position=position, state=state_of(state))
            write_bytes([json_line(line)])
            return
        if state is None or state.revision is None:
            say(f"{stream} had no event yet")
            return
        document = json_of(state.value)
        if not is_terminal():
            write_row(stream, state.revision, document.decode())
            return
        console().print(f"{visible(stream)}@{state.revision}", style="bold cyan")
        print_json(msgspec.json.format(document, indent=2).decode())

    def where(
        self, position: int, last: RecordedEvent | None, following: RecordedEvent | None
    ) -> None:
        """Write the *position*, the event that happened last and the one that comes next."""
        if self.json:
            line = WhereLine(position=position, last=_raw(last), next=_raw(following))
            write_bytes([json_line(line)])
        elif is_terminal():
            for word, event in (("last", last), ("next", following)):
                where = console()
                where.print(f"{word}  ", style="dim", end="")
                where.print("-" if event is None else header(event))
        else:
            write_row("position", position)
            for word, event in (("last", last), ("next", following)):
                write_row(word, *(() if event is None else event_fields(event)))

    def rows(self, table: str | None, rows: Rows) -> None:
        """Write *rows*: of *table*, or of a query."""
        write_rows(table, rows, json=self.json)

    def breakpoints(self, breakpoints: Mapping[int, Breakpoint]) -> None:
        """Write what ends a run, with the number of each."""
        for number, each in breakpoints.items():
            if self.json:
                write_bytes([json_line(BreakpointLine(number, each.words))])
            else:
                write_row(number, each.words)
        if not breakpoints:
            say("there are no breakpoints; `break` makes one")


def say_where(position: int, following: RecordedEvent | None) -> None:
    """Say where one stands, and what comes next."""
    comes = "the end of the history" if following is None else in_words(following)
    say(f"at position {position}; next: {comes}")


def _raw(event: RecordedEvent | None) -> msgspec.Raw | None:
    return None if event is None else msgspec.Raw(envelope(event))

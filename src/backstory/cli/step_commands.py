"""The commands that stepping obeys, each a method of what they work on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlalchemy import Executable, select, text

from backstory.cli.columns import named_values
from backstory.cli.going_back import table_named
from backstory.cli.screen import say
from backstory.cli.step_breaks import breakpoint_of, conditions_of, words_of
from backstory.cli.step_lines import reason_of
from backstory.cli.step_running import say_failures
from backstory.cli.step_shown import Shower, say_where
from backstory.cli.step_waiting import Waiting
from backstory.core.errors import InvalidSetting, StoreError
from backstory.core.read import BACKWARDS, Read
from backstory.timemachine.looking import Rows, query_rows
from backstory.timemachine.states import States
from backstory.timemachine.stepping.breakpoints import Breakpoint
from backstory.timemachine.stepping.running import run_until

if TYPE_CHECKING:
    from backstory.cli.past import Past
    from backstory.core.events import RecordedEvent
    from backstory.projections.read_model import ReadModel
    from backstory.timemachine.stepping.stepper import Step, Stepper

_BIND: Final = re.compile(r"(?<![:\w\\]):(?=\w)")
"""What SQLAlchemy would take for a parameter in a query."""


class Commands:
    """What can be done at a position: stepping, running to breakpoints, and looking around."""

    def __init__(self, past: Past, stepper: Stepper, show: Shower, waiting: Waiting) -> None:
        """Step with *stepper* through *past*, and *show* what comes of it."""
        self._past = past
        self._stepper = stepper
        self._show = show
        self._waiting = waiting
        self._states = States(show.application, stepper.history)
        self._breakpoints: dict[int, Breakpoint] = {}
        self._made = 0
        self._last: tuple[Step, bool] | None = None

    @property
    def position(self) -> int:
        """Return the position up to which everything has happened."""
        return self._stepper.position

    async def begin(self, position: int) -> None:
        """Go to *position* and say what comes next."""
        with self._waiting.over("replaying", position):
            await self._stepper.to(position)
        say_where(self.position, await self._following())

    async def next(self, rest: str) -> None:
        """Let the next event happen, or the next COUNT."""
        for _ in range(_number(rest)):
            if not self._stepped(await self._stepper.forward()):
                say("this is the end of the history")
                return

    async def back(self, rest: str) -> None:
        """Undo the last event, or the last COUNT."""
        for _ in range(_number(rest)):
            with self._waiting.over("replaying", self.position):
                step = await self._stepper.back()
            if not self._stepped(step, undone=True):
                say("this is the beginning of the history")
                return

    async def go(self, rest: str) -> None:
        """Go to before the event of MOMENT, so that it is the next one."""
        await self.begin(before(await self._past.position_of(rest)))

    async def run_on(self, rest: str) -> None:
        """Run to the next breakpoint, or to the end."""
        await self._run(rest, backwards=False)

    async def run_back(self, rest: str) -> None:
        """Run back to before the last event that hits a breakpoint, or to the beginning."""
        await self._run(rest, backwards=True)

    async def _run(self, rest: str, *, backwards: bool) -> None:
        _nothing(rest)
        breakpoints = list(self._breakpoints.values())
        with self._waiting.over("running", self._stepper.history.until):
            step = await run_until(
                self._stepper, breakpoints, backwards=backwards, tell=self._waiting.reach
            )
        if self._stepped(step, undone=backwards) and step is not None:
            hit = [str(number) for number, each in self._breakpoints.items() if each.hits(step)]
            say(f"breakpoint {', '.join(hit)}")
            return
        say(f"this is the {'beginning' if backwards else 'end'} of the history")
        say_failures(breakpoints)

    async def break_at(self, rest: str) -> None:
        """Make a breakpoint."""
        found = breakpoint_of(rest, self._show.application)
        self._made += 1
        self._breakpoints[self._made] = found
        say(f"breakpoint {self._made}: {found.words}")

    async def breaks(self, rest: str) -> None:
        """List the breakpoints."""
        _nothing(rest)
        self._show.breakpoints(self._breakpoints)

    async def clear(self, rest: str) -> None:
        """Remove breakpoint N, or `all`."""
        if rest == "all":
            self._breakpoints.clear()
        elif rest.isdecimal() and int(rest) in self._breakpoints:
            del self._breakpoints[int(rest)]
        else:
            known = ", ".join(map(str, self._breakpoints)) or "none"
            message = f"there is no breakpoint {rest!r}; there are: {known}"
            raise InvalidSetting(message)

    async def state(self, rest: str) -> None:
        """Show the state of STREAM here; of the stream stepped in last unless named."""
        stream = words_of(rest)[0] if rest else await self._stream()
        try:
            state = await self._states.at(stream, self.position)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a user's fold raises is shown
            say(f"{stream} cannot be folded: {reason_of(error)}", style="bold red")
            return
        if state is None:
            known = ", ".join(f"{name}-…" for name in self._show.application.deciders) or "none"
            message = f"no decider folds {stream!r}; there are deciders for: {known}"
            raise InvalidSetting(message)
        self._show.state(stream, state, self.position)

    async def rows(self, rest: str) -> None:
        """Show the rows of TABLE here, all or those `where COLUMN=VALUE`."""
        name, *more = words_of(rest) or [""]
        table = table_named(self._show.application, name)
        given = [f"{column}={value}" for column, value in conditions_of(more).items()]
        query = select(table).order_by(*(table.primary_key.columns or table.columns))
        for column, value in named_values(table, given).items():
            query = query.where(table.c[column] == value)
        self._show.rows(name, await self._asked(query))

    async def sql(self, rest: str) -> None:
        """Show what QUERY answers; it can change nothing."""
        self._show.rows(None, await self._asked(text(_BIND.sub(r"\\:", rest))))

    async def _asked(self, query: Executable) -> Rows:
        model = await self._model()
        most = self._show.limit
        return await model.ask(lambda connection: query_rows(connection, query, most))

    async def where(self, rest: str) -> None:
        """Show the position, the event that happened last, and the next one."""
        _nothing(rest)
        self._show.where(self.position, await self._happened(), await self._following())

    async def diff(self, rest: str) -> None:
        """Show again what the last step changed."""
        _nothing(rest)
        if self._last is None:
            say("there was no step yet")
        else:
            self._show.step(self._last[0], undone=self._last[1])

    def _stepped(self, step: Step | None, *, undone: bool = False) -> bool:
        if step is None:
            return False
        self._last = step, undone
        self._show.step(step, undone=undone)
        return True

    async def _model(self) -> ReadModel:
        if not self._stepper.stands:  # going somewhere was broken off
            await self._stepper.to(self.position)
        return self._stepper.model

    async def _stream(self) -> str:
        if self._last is not None:
            return self._last[0].event.stream
        event = await self._following() or await self._happened()
        if event is None:
            message = "the history is empty; name a stream"
            raise InvalidSetting(message)
        return event.stream

    async def _happened(self) -> RecordedEvent | None:
        return await self._one(Read(until=self.position, direction=BACKWARDS, limit=1))

    async def _following(self) -> RecordedEvent | None:
        return await self._one(Read(after=self.position, limit=1))

    async def _one(self, query: Read) -> RecordedEvent | None:
        page = await self._stepper.history.read(query)
        return page[0] if page else None


def before(position: int) -> int:
    """Return where one stands so that the event at *position* is the next one."""
    return max(position - 1, 0)


def _number(rest: str) -> int:
    if rest and not (rest.isdecimal() and int(rest)):
        message = f"a count is a number from 1 up, not {rest!r}"
        raise InvalidSetting(message)
    return int(rest or 1)


def _nothing(rest: str) -> None:
    if rest:
        message = f"{rest!r} is too much here"
        raise InvalidSetting(message)

"""A run for a command: to what was asked for, once or so many times."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import msgspec

from backstory.application import Application
from backstory.cli.exits import ExitCode
from backstory.cli.screen import counted, say
from backstory.cli.step_breaks import breakpoint_of
from backstory.cli.step_shown import Shower
from backstory.cli.step_waiting import Waiting
from backstory.timemachine.stepping.breakpoints import Breakpoint
from backstory.timemachine.stepping.expressions import Expression
from backstory.timemachine.stepping.running import run_until
from backstory.timemachine.stepping.stepper import Step, Stepper


class Running(msgspec.Struct, frozen=True):
    """What to run to; see the options of `step`."""

    types: Sequence[str] | None = None
    streams: Sequence[str] | None = None
    others: Sequence[str] | None = None
    where: str | None = None
    count: int | None = None
    backwards: bool = False

    @property
    def asked_for(self) -> bool:
        """Return whether anything is to be run to; else commands are read."""
        return any(msgspec.structs.astuple(self))

    def breakpoints(self, application: Application) -> list[Breakpoint]:
        """Return what ends a run; raises `InvalidInput` for what could never be met."""
        texts = [f"type {shlex.quote(name)}" for name in self.types or ()]
        texts += [f"stream {shlex.quote(name)}" for name in self.streams or ()]
        texts += self.others or ()
        texts += [f"where {self.where}"] if self.where is not None else []
        return [breakpoint_of(text, application) for text in texts]

    async def run(
        self, stepper: Stepper, show: Shower, waiting: Waiting, bounds: tuple[int, int]
    ) -> int:
        """Run inside *bounds*, show the steps that are met, and return the exit code."""
        breakpoints = self.breakpoints(show.application)
        start, end = reversed(bounds) if self.backwards else bounds
        with waiting.over("replaying", start):
            await stepper.to(start)
        found = 0
        while found < (self.count or 1):
            with waiting.over("running", stepper.history.until):
                step = await self._next(stepper, breakpoints, end, waiting)
            if step is None:
                break
            found += 1
            show.step(step, undone=self.backwards)
        if not found:
            say("there is no such step", style="yellow")
            say_failures(breakpoints)
        return ExitCode.DONE if found else ExitCode.FOUND

    async def _next(
        self, stepper: Stepper, breakpoints: Sequence[Breakpoint], end: int, waiting: Waiting
    ) -> Step | None:
        if breakpoints:
            return await run_until(
                stepper, breakpoints, backwards=self.backwards, end=end, tell=waiting.reach
            )
        if stepper.position == end:
            return None
        return await (stepper.back() if self.backwards else stepper.forward())


def say_failures(breakpoints: Sequence[Breakpoint]) -> None:
    """Say which expressions could not be evaluated, and why; then forget that."""
    for each in breakpoints:
        test = each.hits
        if isinstance(test, Expression) and test.failure is not None:
            times = counted(test.failed, "event")
            say(
                f"{each.words}: could not be evaluated for {times}; the first time because of "
                f"{test.failure}",
                style="yellow",
            )
            test.failed, test.failure = 0, None

"""Stepping for a command: the past opened, then commands read, or a run to what was asked for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstory.application import Application
from backstory.cli.fencing import fenced
from backstory.cli.past import Past, opened_past
from backstory.cli.process import Stop
from backstory.cli.step_commands import Commands, before
from backstory.cli.step_prompt import serve
from backstory.cli.step_running import Running
from backstory.cli.step_shown import Shower
from backstory.cli.step_waiting import Waiting
from backstory.timemachine.stepping.stepper import Stepper


class Stepping(msgspec.Struct, frozen=True, kw_only=True):
    """What `step` was asked to do; see its options."""

    application: Application
    source: str
    at: str | None
    begin: str | None
    running: Running
    limit: int
    snapshots: str | None
    behind: Sequence[str] | None
    redeliver: bool
    unfenced: bool
    json: bool

    async def work(self, stop: Stop) -> int:
        """Step, and return the exit code."""
        self.running.breakpoints(self.application)  # what could never be met is told at once
        waiting = Waiting()
        past_of = opened_past(self.source, self.at, snapshots=self.snapshots, behind=self.behind)
        async with past_of as past:
            begin = None if self.begin is None else await past.position_of(self.begin)
            with fenced(unfenced=self.unfenced, redeliver=self.redeliver) as replay:
                session_of = past.session(
                    self.application, replay=replay, tell=waiting.tell, whole=True
                )
                async with session_of as session:
                    stepper = Stepper(session)
                    show = Shower(self.application, json=self.json, limit=self.limit)
                    if self.running.asked_for:
                        bounds = self._bounds(past, begin)
                        return await self.running.run(stepper, show, waiting, bounds)
                    commands = Commands(past, stepper, show, waiting)
                    await commands.begin(before(past.position if begin is None else begin))
                    return await serve(commands, stop)

    def _bounds(self, past: Past, begin: int | None) -> tuple[int, int]:
        """Return where a run may begin and end at the most, as positions that are stood at."""
        at = None if self.at is None else past.position
        last = past.whole.until if at is None else at
        if begin is not None:
            return before(begin), last
        if self.running.backwards:
            return 0, last
        return 0 if at is None else before(at), past.whole.until

"""Checks for a command: asked of a replay, or of the live read model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Never

import msgspec

from backstory.application import Application, Check
from backstory.cli.application import opened_live
from backstory.cli.as_of_shown import say_stand
from backstory.cli.check_shown import write_judgements
from backstory.cli.exits import ExitCode
from backstory.cli.fencing import fenced
from backstory.cli.located_shown import say_moment
from backstory.cli.past import Past, opened_past
from backstory.cli.replaying import replaying
from backstory.core.errors import InvalidSetting
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.checking import Judgement, judge, named_check


class Checking(msgspec.Struct, frozen=True):
    """What `check` was asked to do; see its options."""

    application: Application
    names: tuple[str, ...]
    read_model: str | None
    schema: str
    redeliver: bool
    unfenced: bool
    json: bool

    async def work(
        self, source: str, at: str | None, *, snapshots: str | None, behind: Sequence[str] | None
    ) -> int:
        """Ask, show, and return the exit code."""
        checks = self._checks()
        if self.read_model is not None and (at is not None or self.redeliver):
            message = "the live read model stands where it stands: leave --at and --redeliver away"
            raise InvalidSetting(message)
        past_of = opened_past(source, at, snapshots=snapshots, behind=behind, around=1)
        async with past_of as past:
            if self.read_model is None:
                say_moment(past.located)
                judgements = await self._of_replay(past, checks)
            else:
                judgements = await self._of_live(past, checks, self.read_model)
        write_judgements(judgements, json=self.json)
        verdicts = {judgement.verdict for judgement in judgements}
        if Verdict.FAILS in verdicts:
            return ExitCode.FOUND
        return ExitCode.UNKNOWN if Verdict.UNKNOWN in verdicts else ExitCode.DONE

    def _checks(self) -> Sequence[Check[Never]]:
        if self.names:
            return [named_check(self.application, name) for name in dict.fromkeys(self.names)]
        if not self.application.checks:
            message = (
                f"application {self.application.name!r} has no checks; give it some: "
                "checks=(Check(name, test),)"
            )
            raise InvalidSetting(message)
        return self.application.checks

    async def _of_live(
        self, past: Past, checks: Sequence[Check[Never]], url: str
    ) -> Sequence[Judgement]:
        async with opened_live(url, self.schema) as model:
            return [await judge(check, self.application, past.history, model) for check in checks]

    async def _of_replay(self, past: Past, checks: Sequence[Check[Never]]) -> Sequence[Judgement]:
        with (
            fenced(unfenced=self.unfenced, redeliver=self.redeliver) as replay,
            replaying(past.position) as tell,
        ):
            async with past.session(self.application, replay=replay, tell=tell) as session:
                rows = any(check.category is None for check in checks)
                model = await session.at(past.position) if rows else None
                for stand in session.stands:
                    say_stand(stand, past.position)
                return [
                    await judge(check, self.application, past.history, model) for check in checks
                ]

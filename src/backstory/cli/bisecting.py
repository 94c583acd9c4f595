"""Bisecting for a command: what is asked, in which way, and the log of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from backstory.application import Application
from backstory.cli.application import found_application
from backstory.cli.as_of_shown import say_stand
from backstory.cli.bisect_shown import say_searched, write_flips
from backstory.cli.exits import ExitCode
from backstory.cli.fencing import fenced
from backstory.cli.past import Past, opened_past
from backstory.cli.progress import progress
from backstory.cli.screen import say
from backstory.core.errors import InvalidSetting
from backstory.core.events import RecordedEvent
from backstory.core.names import category_of
from backstory.core.read import Read
from backstory.timemachine.bisect_log import Answer, BisectLog, Header, begin_log, read_log
from backstory.timemachine.bisecting import Bisected, Verdict, bisect
from backstory.timemachine.checking import Judgement
from backstory.timemachine.questions import (
    CheckQuestion,
    CommandQuestion,
    QueryQuestion,
    Question,
    named_or_imported,
)
from backstory.timemachine.walking import walk

if TYPE_CHECKING:
    from backstory.cli.process import Stop
    from backstory.timemachine.session import Session


class Where(msgspec.Struct, frozen=True):
    """Where is searched; see the options."""

    source: str
    good: str
    bad: str | None
    stream: str | None
    snapshots: str | None
    behind: tuple[str, ...]


class Bisecting(msgspec.Struct, frozen=True):
    """What `bisect` was asked to do; see its options.

    `asked` holds what stands behind `--fails`, `--sql` and `--run`; `logs` what stands behind
    `--log` and `--again`.
    """

    app: str | None
    asked: tuple[str | None, str | None, str | None]
    where: Where
    samples: int
    logs: tuple[Path | None, Path | None]
    redeliver: bool
    unfenced: bool
    json: bool

    async def work(self, _: Stop) -> int:
        """Search, show, and return the exit code."""
        if sum(one is not None for one in self.asked) != 1:
            message = "what is asked? Give one of --fails, --sql and --run"
            raise InvalidSetting(message)
        where = self.where
        past_of = opened_past(
            where.source, where.bad, snapshots=where.snapshots, behind=where.behind
        )
        async with past_of as past:
            good = await past.position_of(where.good)
            if good >= past.position:
                message = f"--good is at position {good}, not before --bad at {past.position}"
                raise InvalidSetting(message)
            begun = time.monotonic()
            found, told = await self._search(past, good)
            if found is None:
                return ExitCode.UNKNOWN
            events = {flip.position: await _event(past, flip.position) for flip in found.flips}
        write_flips(found, events, told, json=self.json)
        app = [] if self.app is None else ["--app", self.app]
        options = app + ["--redeliver"] * self.redeliver
        say_searched(found, time.monotonic() - begun, where.source, options)
        return ExitCode.DONE

    async def _search(
        self, past: Past, good: int
    ) -> tuple[Bisected | None, Mapping[int, Judgement]]:
        application = self._application(past)
        fails, sql, command = self.asked
        stream = self.where.stream
        if fails is None and stream is not None:
            message = "--stream asks about a state, which only --fails can"
            raise InvalidSetting(message)
        if sql is not None:
            return await self._halve(past, good, application, QueryQuestion(sql))
        if command is not None:
            return await self._halve(past, good, application, CommandQuestion(command))
        category = None if stream is None else category_of(stream)
        check = named_or_imported(application, fails or "", category)
        if check.category is None and stream is None:
            return await self._halve(past, good, application, CheckQuestion(check))
        if any(self.logs):
            message = "a check on states is answered in one pass, so there is nothing to log"
            raise InvalidSetting(message)
        with progress("folding", total=past.position) as bar:
            found, first = await walk(
                check,
                application,
                past.history,
                stream=stream,
                good=good,
                bad=past.position,
                heard=bar.reach,
            )
        return found, {found.first.position: first}

    def _application(self, past: Past) -> Application:
        manifest = past.source.manifest
        if self.app is None and manifest is not None and manifest.target is not None:
            return found_application(manifest.target)
        return found_application(self.app)

    async def _halve(
        self, past: Past, good: int, application: Application, question: Question
    ) -> tuple[Bisected | None, Mapping[int, Judgement]]:
        event = past.located.event
        header = Header(
            question=question.name,
            application=application.name,
            good=good,
            bad=past.position,
            end=None if event is None else str(event.id),
            redeliver=self.redeliver,
        )
        log, again = self.logs
        answers = {} if again is None else read_log(again, header)
        told: dict[int, Judgement] = {}
        with ExitStack() as stack:
            file = None
            if log is not None:
                file = stack.enter_context(begin_log(log, header))
            elif again is not None:
                file = stack.enter_context(again.open("a", encoding="utf-8"))
            replay = stack.enter_context(fenced(unfenced=self.unfenced, redeliver=self.redeliver))
            async with past.session(application, replay=replay) as session:
                asking = _Asking(session, question, answers, BisectLog(file), told)
                found = await bisect(asking.ask, good, past.position, samples=self.samples)
                asking.say_stands()
        if all(verdict is Verdict.UNKNOWN for _, verdict in found.asked):
            return None, told
        return found, told


class _Asking:
    """Asks a question at a position, or finds the answer in a log."""

    def __init__(
        self,
        session: Session,
        question: Question,
        answers: Mapping[int, Answer],
        log: BisectLog,
        told: dict[int, Judgement],
    ) -> None:
        self._session = session
        self._question = question
        self._answers = answers
        self._log = log
        self._told = told
        self._stands: dict[str, Callable[[], None]] = {}

    async def ask(self, position: int) -> Verdict:
        known = self._answers.get(position)
        if known is not None:
            judgement = Judgement(self._question.name, known.verdict, known.words)
        else:
            judgement = await self._question.ask(self._session, position)
            self._log.add(Answer(position, judgement.verdict, judgement.words))
            self._note_stands(position)
        self._told[position] = judgement
        words = f": {judgement.words}" if judgement.words else ""
        say(f"position {position} {judgement.verdict.value}{words}")
        return judgement.verdict

    def _note_stands(self, position: int) -> None:
        for stand in self._session.stands:
            if stand.failure is not None:
                name = stand.projection
                self._stands.setdefault(name, lambda stand=stand: say_stand(stand, position))  # type: ignore[misc]  # a lambda of its own

    def say_stands(self) -> None:
        for tell in self._stands.values():
            tell()


async def _event(past: Past, position: int) -> RecordedEvent | None:
    page = await past.history.read(Read(after=position - 1, limit=1))
    return page[0] if page and page[0].position == position else None

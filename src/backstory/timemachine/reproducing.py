"""Reproducing: what failed at a moment is run again, on everything as it was then."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Never

import msgspec

from backstory.application import Check
from backstory.core.errors import HandlerFailed
from backstory.core.events import RecordedEvent
from backstory.core.read import BACKWARDS, Read
from backstory.projections.parked_table import Which, find_parked
from backstory.projections.read_model import ReadModel
from backstory.timemachine.asof import Stand
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.checking import in_words, judge
from backstory.timemachine.incidents.incident import Incident
from backstory.timemachine.incidents.repeating import repeat
from backstory.timemachine.session import Session
from backstory.timemachine.states import States


class Kind(Enum):
    """What was run again."""

    CHECK = "check"
    HANDLER = "handler"
    PARKED = "parked"
    FOLD = "fold"
    COMMAND = "command"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was run again: FAILS when it failed again, and `words` say how.

    `name` is the check, projection or stream. `event` is the guilty event, where the failure itself
    names one.
    """

    kind: Kind
    name: str
    verdict: Verdict
    words: str
    event: RecordedEvent | None = None


class Reproduction(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: the verdict on what was asked for, everything found, how projections stood.

    FAILS: reproduced. HOLDS: not reproduced. UNKNOWN: it cannot be told.
    """

    verdict: Verdict
    findings: Sequence[Finding]
    stands: Sequence[Stand]

    @property
    def failing(self) -> Finding | None:
        """Return what failed first."""
        failed = (finding for finding in self.findings if finding.verdict is Verdict.FAILS)
        return next(failed, None)


async def reproduce(
    session: Session, *, check: Check[Never] | None = None, incident: Incident | None = None
) -> Reproduction:
    """Return whether a failure happens at the end of the history of *session*, too.

    With a *check* it is whether that fails. With an *incident* it is whether its command, decided
    on the state it saw, raises the same error, or its check fails. Without either, whatever fails
    there counts: a projection that stops, an event that is parked at the end, an event at the end
    that cannot be folded, any check of the application. Raises what replaying raises.
    """
    model = await session.at(session.history.until)
    stands = tuple(session.stands)
    if incident is not None and incident.command is not None:
        repeated = await repeat(
            incident,
            incident.command,
            session.application,
            session.history,
            session.replay.fence,
        )
        finding = Finding(
            kind=Kind.COMMAND,
            name=incident.command.stream,
            verdict=repeated.verdict,
            words=repeated.words,
        )
        return Reproduction(verdict=repeated.verdict, findings=(finding,), stands=stands)
    if check is not None:
        findings = [await _checked(check, session, model)]
    else:
        findings = await _everything(session, model)
    return Reproduction(verdict=_overall(findings), findings=tuple(findings), stands=stands)


def _overall(findings: Sequence[Finding]) -> Verdict:
    verdicts = {finding.verdict for finding in findings}
    if Verdict.FAILS in verdicts:
        return Verdict.FAILS
    return Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts else Verdict.HOLDS


async def _everything(session: Session, model: ReadModel) -> list[Finding]:
    findings = [await _stopped(session, stand.failure) for stand in session.stands if stand.failure]
    page = await session.history.read(Read(direction=BACKWARDS, limit=1))
    for event in page:
        findings += await _parked(event, model)
        findings += await _folded(event, session)
    return findings + [
        await _checked(check, session, model) for check in session.application.checks
    ]


async def _stopped(session: Session, failure: HandlerFailed) -> Finding:
    model_position = next(
        stand.position for stand in session.stands if stand.projection == failure.projection
    )
    guilty = await _event_of(session, failure, model_position)
    return Finding(
        kind=Kind.HANDLER,
        name=failure.projection,
        verdict=Verdict.FAILS,
        words=f"{failure.reason}, in {failure.handler}",
        event=guilty,
    )


async def _event_of(session: Session, failure: HandlerFailed, applied: int) -> RecordedEvent | None:
    """Return the event that a projection stopped before, which stands behind what it applied."""
    after = applied
    while page := await session.history.read(Read(after=after, limit=1_000)):
        for event in page:
            if event.id == failure.event_id:
                return event
        after = page[-1].position
    return None


async def _parked(event: RecordedEvent, model: ReadModel) -> list[Finding]:
    found = await find_parked(model, Which(position=event.position), limit=100)
    return [
        Finding(
            kind=Kind.PARKED,
            name=parked.projection,
            verdict=Verdict.FAILS,
            words=parked.error,
            event=event,
        )
        for parked in found
    ]


async def _folded(event: RecordedEvent, session: Session) -> list[Finding]:
    states = States(session.application, session.history)
    try:
        await states.at(event.stream, event.position)
    except Exception as error:  # noqa: BLE001 - whatever a user's code raises is the finding
        return [
            Finding(
                kind=Kind.FOLD,
                name=event.stream,
                verdict=Verdict.FAILS,
                words=in_words(error),
                event=event,
            )
        ]
    return []


async def _checked(check: Check[Never], session: Session, model: ReadModel) -> Finding:
    judgement = await judge(check, session.application, session.history, model)
    return Finding(
        kind=Kind.CHECK, name=check.name, verdict=judgement.verdict, words=judgement.words
    )

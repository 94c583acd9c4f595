"""Checking: whether a named condition holds at a moment, and why it does not."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Final, Never, cast

import msgspec
from sqlalchemy import Connection

from backstory.application import Application, Check
from backstory.core.errors import InvalidSetting
from backstory.core.history import History
from backstory.core.read import MAX_LIMIT, Read
from backstory.core.reading import pages
from backstory.projections.read_model import ReadModel
from backstory.timemachine.bisecting import Verdict

_NAMED: Final = 3
"""Streams that are named where a condition fails for many."""


class Judgement(msgspec.Struct, frozen=True):
    """How a check stands; `words` say why it fails or cannot be told, and are empty else."""

    check: str
    verdict: Verdict
    words: str = ""


def named_check(application: Application, name: str) -> Check[Never]:
    """Return the check of *application* that is called *name*; raises `InvalidSetting`."""
    known = {check.name: check for check in application.checks}
    if name in known:
        return known[name]
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)
    hint = f"did you mean {nearest[0]!r}?" if nearest else "it has none; give it checks=(Check(…),)"
    message = f"application {application.name!r} has no check {name!r}; {hint}"
    raise InvalidSetting(message)


def judge_model(check: Check[Never], connection: Connection) -> Judgement:
    """Return how a *check* on read models stands, as *connection* shows them."""
    return _judged(check, connection)


def judge_state(check: Check[Never], stream: str, value: object) -> Judgement:
    """Return how a *check* on states stands for *value*, the state of *stream*."""
    judgement = _judged(check, value)
    if judgement.verdict is Verdict.HOLDS:
        return judgement
    words = f"{stream}: {judgement.words}" if judgement.words else stream
    return Judgement(check.name, judgement.verdict, words)


async def judge(
    check: Check[Never], application: Application, history: History, model: ReadModel | None
) -> Judgement:
    """Return how *check* stands at the end of *history*, where the read models are *model*.

    A check on a category folds all its streams, which takes as long as reading them; an event that
    cannot be folded says that it cannot be told. Raises `InvalidSetting` for a check on read models
    without a *model*, and what reading the store raises.
    """
    if check.category is not None:
        return await _judge_category(check, check.category, application, history)
    if model is None:
        message = f"check {check.name!r} is about read models, and none are at hand"
        raise InvalidSetting(message)
    return await model.ask(lambda connection: judge_model(check, connection))


async def _judge_category(
    check: Check[Never], category: str, application: Application, history: History
) -> Judgement:
    states, failure = await _fold(category, application, history)
    if failure is not None:
        return Judgement(check.name, Verdict.UNKNOWN, failure)
    judgements = [judge_state(check, stream, state) for stream, state in states.items()]
    for verdict in (Verdict.FAILS, Verdict.UNKNOWN):
        found = [judgement.words for judgement in judgements if judgement.verdict is verdict]
        if found:
            more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
            return Judgement(check.name, verdict, "; ".join(found[:_NAMED]) + more)
    return Judgement(check.name, Verdict.HOLDS)


async def _fold(
    category: str, application: Application, history: History
) -> tuple[Mapping[str, object], str | None]:
    decider = application.deciders[category]
    states: dict[str, object] = {}
    async for page in pages(history, Read(category=category, limit=MAX_LIMIT)):
        for event in page:
            try:
                value = application.schema.decode(event)
                state = states.get(event.stream, decider.initial)
                states[event.stream] = decider.evolve(state, value)
            except Exception as error:  # noqa: BLE001 - whatever a user's code raises is said
                return {}, f"{event.place} cannot be folded: {in_words(error)}"
    return states, None


def _judged(check: Check[Never], subject: object) -> Judgement:
    test = cast("Callable[[object], object]", check.test)
    try:
        holds = test(subject)
    except AssertionError as error:
        return Judgement(check.name, Verdict.FAILS, str(error))
    except Exception as error:  # noqa: BLE001 - whatever a user's code raises is said
        return Judgement(check.name, Verdict.UNKNOWN, in_words(error))
    if not isinstance(holds, bool):
        words = f"the check answered {holds!r}; it answers True or False"
        return Judgement(check.name, Verdict.UNKNOWN, words)
    return Judgement(check.name, Verdict.HOLDS if holds else Verdict.FAILS)


def in_words(error: BaseException) -> str:
    """Return the kind of *error* and what it says, in one line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__

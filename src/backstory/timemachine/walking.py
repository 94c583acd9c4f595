"""Walking: how a check on states stands after every single event, in one pass.

Folding goes event by event anyway, so nothing is gained by halving: every change is seen exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Never

from backstory.application import Application, Check
from backstory.core.errors import CheckNeverFails, InvalidSetting
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.names import category_of
from backstory.core.read import MAX_LIMIT, Read
from backstory.core.reading import pages
from backstory.timemachine.bisecting import Bisected, Flip, Verdict
from backstory.timemachine.checking import Judgement, in_words, judge_state


async def walk(
    check: Check[Never],
    application: Application,
    history: History,
    *,
    stream: str | None,
    good: int,
    bad: int,
    heard: Callable[[int], None] | None = None,
) -> tuple[Bisected, Judgement]:
    """Return each change of *check* behind position *good*, up to *bad*, and why it fails first.

    It is asked about the state of *stream*, or about every thing of the check's category: then it
    fails while one of them does. An event that cannot be folded makes it impossible to tell for its
    stream from there on. Raises `InvalidSetting` without a decider, `CheckNeverFails`.
    """
    category = category_of(stream) if stream is not None else check.category or ""
    if category not in application.deciders:
        message = f"application {application.name!r} has no decider for {category!r}"
        raise InvalidSetting(message)
    walker = _Walker(check, application, category)
    query = Read(stream=stream, category=None if stream else category, until=bad, limit=MAX_LIMIT)
    async for page in pages(history, query):
        for event in page:
            walker.take(event, counted=event.position > good)
        if heard is not None:
            heard(page[-1].position)
    if walker.first is None:
        fails = walker.verdict is Verdict.FAILS
        raise CheckNeverFails(good=good, bad=bad, fails=fails)
    flip, judgement = walker.first
    return Bisected(flip, tuple(walker.flips), ()), judgement


class _Walker:
    def __init__(self, check: Check[Never], application: Application, category: str) -> None:
        self._check = check
        self._schema = application.schema
        self._decider = application.deciders[category]
        self._states: dict[str, object] = {}
        self._failing: set[str] = set()
        self._lost: set[str] = set()
        self.flips: list[Flip] = []
        self.first: tuple[Flip, Judgement] | None = None

    @property
    def verdict(self) -> Verdict:
        """Return how it stands now: all things together."""
        if self._failing:
            return Verdict.FAILS
        return Verdict.UNKNOWN if self._lost else Verdict.HOLDS

    def take(self, event: RecordedEvent, *, counted: bool) -> None:
        before = self.verdict
        judgement = self._judge(event)
        self._failing.discard(event.stream)
        self._lost.discard(event.stream)
        if judgement.verdict is Verdict.FAILS:
            self._failing.add(event.stream)
        elif judgement.verdict is Verdict.UNKNOWN:
            self._lost.add(event.stream)
        after = self.verdict
        if after is before or not counted:
            return
        flip = Flip(event.position, event.position - 1, before, after)
        self.flips.append(flip)
        if self.first is None and after is Verdict.FAILS:
            self.first = flip, judgement

    def _judge(self, event: RecordedEvent) -> Judgement:
        stream = event.stream
        if stream in self._lost and stream not in self._states:
            return Judgement(self._check.name, Verdict.UNKNOWN)
        try:
            state = self._states.get(stream, self._decider.initial)
            state = self._decider.evolve(state, self._schema.decode(event))
        except Exception as error:  # noqa: BLE001 - whatever a user's code raises is said
            self._states.pop(stream, None)
            return Judgement(self._check.name, Verdict.UNKNOWN, in_words(error))
        self._states[stream] = state
        return judge_state(self._check, stream, state)

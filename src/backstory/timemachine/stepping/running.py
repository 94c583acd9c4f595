"""Running to the next breakpoint, forwards or back.

Where each breakpoint says which events it is about, the run goes straight to the next of them, and
what lies between is replayed in batches. Any other breakpoint needs a look at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec.structs import replace

from backstory.core.history import History
from backstory.core.read import BACKWARDS, Read
from backstory.core.reading import events
from backstory.timemachine.stepping.breakpoints import Breakpoint
from backstory.timemachine.stepping.stepper import Step, Stepper

_FAR: Final = 500
"""Events from which on a jump is quicker than one step after the other."""

_PAGE: Final = 1_000

Told: TypeAlias = Callable[[int], None]
"""Is told the position after each step; what it raises ends the run there."""


async def run_until(
    stepper: Stepper,
    breakpoints: Sequence[Breakpoint],
    *,
    backwards: bool = False,
    end: int | None = None,
    tell: Told | None = None,
) -> Step | None:
    """Step until one of *breakpoints* is hit, and return that step; None when none is.

    Forwards it stands behind the event that hit, *backwards* before it, so that the event is the
    next one again. Without a hit it stands at *end*: the end of the history, or its beginning.
    Raises what `Stepper` raises, and what a breakpoint's own test raises.
    """
    last = 0 if backwards else stepper.history.until
    ahead = _Ahead(stepper.history, breakpoints, last if end is None else end, backwards=backwards)
    run = _run_back if backwards else _run_forward
    return await run(stepper, ahead, tell or _tell_nobody)


async def _run_forward(stepper: Stepper, ahead: _Ahead, tell: Told) -> Step | None:
    while stepper.position < ahead.end:
        target = await ahead.target(stepper.position)
        if target is not None and target - stepper.position > _FAR:
            await stepper.to(target - 1)
        while stepper.position < (ahead.end if target is None else target):
            step = await stepper.forward()
            if step is None or ahead.is_hit_by(step):
                return step
            tell(stepper.position)
    return None


async def _run_back(stepper: Stepper, ahead: _Ahead, tell: Told) -> Step | None:
    while stepper.position > ahead.end:
        target = await ahead.target(stepper.position)
        if target is not None and stepper.position - target > _FAR:
            await stepper.to(target - 1)
            await stepper.forward()
        while stepper.position > ahead.end and (target is None or stepper.position >= target):
            step = await stepper.back()
            if step is None or ahead.is_hit_by(step):
                return step
            tell(stepper.position)
    return None


class _Ahead:
    """What lies ahead: the events that may hit, and the end."""

    def __init__(
        self, history: History, breakpoints: Sequence[Breakpoint], end: int, *, backwards: bool
    ) -> None:
        self.end = end
        self._history = history
        self._breakpoints = breakpoints
        self._backwards = backwards
        self._any = any(each.among is None for each in breakpoints)
        # Where the next event is that may hit each breakpoint; None: nowhere any more.
        self._known: dict[int, int | None] = {}

    def is_hit_by(self, step: Step) -> bool:
        return any(each.hits(step) for each in self._breakpoints)

    async def target(self, here: int) -> int | None:
        """Return where the next event is that may hit, the last one when none may.

        None when it can be any event.
        """
        if self._any:
            return None
        for number, each in enumerate(self._breakpoints):
            if number not in self._known or self._is_over(self._known[number], here):
                self._known[number] = await self._next(each, here)
        found = [position for position in self._known.values() if position is not None]
        if self._backwards:
            return max([*found, self.end + 1])
        return min([*found, self.end])

    def _is_over(self, position: int | None, here: int) -> bool:
        if position is None:
            return False
        return position > here if self._backwards else position <= here

    async def _next(self, breakpoint_: Breakpoint, here: int) -> int | None:
        """Return the position of the next event from *here* on that may hit *breakpoint_*."""
        among, fits = breakpoint_.among or Read(), breakpoint_.may_hit
        limit = 1 if fits is None else _PAGE
        if self._backwards:
            query = replace(among, until=here, direction=BACKWARDS, limit=limit)
        else:
            after = await self._key_at(among, here)
            query = replace(among, after=after, until=self.end, limit=limit)
        async for event in events(self._history, query):
            if self._backwards and event.position <= self.end:
                return None
            if fits is None or fits(event):
                return event.position
        return None

    async def _key_at(self, among: Read, here: int) -> int:
        """Return the key behind which *among* goes on from *here*: a stream has revisions."""
        if among.stream is None:
            return here
        query = replace(among, until=here, direction=BACKWARDS, limit=1)
        page = await self._history.read(query)
        return page[0].revision if page else -1


def _tell_nobody(_position: int) -> None:
    """Do nothing."""

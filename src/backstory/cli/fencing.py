"""Replaying behind fences, and telling what leaked through them.

    with fenced(unfenced=no_fences, redeliver=redeliver) as replay:
        async with past.session(application, replay=replay) as session: ...

At the end each place that asked for the time, a random number or the network is named on stderr.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backstory.cli.screen import counted, say

if TYPE_CHECKING:
    from backstory.timemachine.fences.fences import Leak
    from backstory.timemachine.replay import Replay


@contextmanager
def fenced(*, unfenced: bool = False, redeliver: bool = False) -> Iterator[Replay]:
    """Give how events are to be played again, and tell of leaks when that is over."""
    from backstory.timemachine.replay import Replay

    deliveries = 2 if redeliver else 1
    if unfenced:
        yield Replay(deliveries=deliveries)
        return
    from backstory.timemachine.fences.fences import Fences

    fences = Fences()
    try:
        with fences:
            yield Replay(fence=fences, deliveries=deliveries)
    finally:
        for leak in fences.leaks:
            say(leak_in_words(leak), style="bold yellow")


def leak_in_words(leak: Leak) -> str:
    """Return what leaked, where, and since when, in one line."""
    return (
        f"leak: {leak.what} at {leak.file}:{leak.line} in {leak.function} "
        f"({counted(leak.times, 'time')}, first for {leak.event_type} at position "
        f"{leak.position}): what it writes depends on when it runs"
    )

"""Fences: handlers see the time, chance and ids of the event; the network is refused.

    with Fences() as fences:
        await as_of(application, history, read_model, replay=Replay(fence=fences))
    for leak in fences.leaks: ...

    behind the fences              gets                              reported as
    datetime.now, time.time, …     the time the event was recorded   CLOCK
    random, secrets, os.urandom    numbers made of the event's id    RANDOM
    uuid1, uuid4, backstory.uuid7  ids made of the event             ID
    sockets, looking up hosts      FenceCrossed                      NETWORK
    subprocess, fork, os.system    FenceCrossed                      PROCESS
    open and its kin               the file                          FILE

`time.monotonic` and `time.perf_counter` are left alone: they count from nowhere, so they measure
how long something takes and tell nobody what time it is. So are loggers and tracers, which only
look on. Not seen: what the database computes itself (`func.now()`), what code in C does without
Python (numpy's own generators), sockets that are open already, the environment, and the functions
`random.random`, `random.getrandbits` and `os.urandom` themselves where a class or a default value,
not a module, holds them: being written in C, they are replaced by name only.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.timemachine.fences.crossing import Crossing
from backstory.timemachine.fences.leak import Kind, Leak
from backstory.timemachine.fences.ledger import Ledger
from backstory.timemachine.fences.standing import standing

__all__ = ["Fences", "Kind", "Leak"]


class Fences:
    """Keeps today's world away from the code that is replayed, and remembers who asked for it.

    Use it as `with Fences() as fences`; several may stand at once, and in any thread. Only a thread
    that is `around` an event sees another world: the event loop and drivers go on unharmed.
    """

    def __init__(self) -> None:
        """Begin without a leak."""
        self._ledger = Ledger()
        self._entered = 0

    def __enter__(self) -> Self:
        """Put the fences up."""
        standing.put_up()
        self._entered += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take them down; the leaks stay."""
        self._entered -= 1
        standing.take_down()

    def around(self, recorded: RecordedEvent) -> AbstractContextManager[None]:
        """Return what stands around the decoding and handling of *recorded*, in its thread.

        The same event gets the same answers each time. Code behind it that reaches for the network
        or a process gets `FenceCrossed`. Nothing may be awaited behind it: other tasks of the
        thread would be behind it too. Raises `InvalidInput` outside of `with`.
        """
        if not self._entered:
            message = "fences are used as: with Fences() as fences"
            raise InvalidInput(message)
        return Crossing(recorded, self._ledger)

    @property
    def leaks(self) -> Sequence[Leak]:
        """Return what leaked, one for each place, in the order in which they were first seen."""
        return self._ledger.leaks

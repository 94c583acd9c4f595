"""Whoever asks for the time, for chance or for a new id is answered by the event, and named."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, cast

import msgspec
import pytest

from backstory.core.errors import InvalidInput
from backstory.timemachine.fences.fences import Fences, Kind, Leak
from tests.unit.timemachine.fences.conftest import Written
from tests.unit.timemachine.fences.events import RECORDED_AT, behind, happened


class Leaky(NamedTuple):
    """A call in a user's code, how it comes by its names, and what is to be said of it."""

    call: str
    names: str
    what: str
    kind: Kind

    def __str__(self) -> str:
        """Return the call, for pytest."""
        return self.call

    @property
    def source(self) -> str:
        """Return a module that makes the call in its fifth line."""
        return f"{self.names}\n\n\ndef handle():\n    return {self.call}\n"


CLOCKS = [
    Leaky("datetime.now(UTC)", "from datetime import UTC, datetime", "datetime.now()", Kind.CLOCK),
    Leaky("datetime.datetime.now()", "import datetime", "datetime.now()", Kind.CLOCK),
    Leaky("datetime.utcnow()", "from datetime import datetime", "datetime.utcnow()", Kind.CLOCK),
    Leaky("datetime.today()", "from datetime import datetime", "datetime.today()", Kind.CLOCK),
    Leaky("date.today()", "from datetime import date", "date.today()", Kind.CLOCK),
    Leaky("time()", "from time import time", "time.time()", Kind.CLOCK),
    Leaky("clock.time_ns()", "import time as clock", "time.time_ns()", Kind.CLOCK),
    Leaky("time.localtime()", "import time", "time.localtime()", Kind.CLOCK),
    Leaky("time.gmtime()", "import time", "time.gmtime()", Kind.CLOCK),
    Leaky("time.strftime('%H:%M:%S')", "import time", "time.strftime()", Kind.CLOCK),
    Leaky("ctime()", "from time import ctime", "time.ctime()", Kind.CLOCK),
    Leaky("time.asctime()", "import time", "time.asctime()", Kind.CLOCK),
    Leaky("time.clock_gettime(0)", "import time", "time.clock_gettime()", Kind.CLOCK),
    # C that calls C: no frame of Python's tells of it.
    Leaky(
        "now()",
        "import datetime as d, functools as f; now = f.partial(d.datetime.now)",
        "now()",
        Kind.CLOCK,
    ),
]
CHANCES = [
    Leaky("random()", "from random import random", "random.random()", Kind.RANDOM),
    Leaky("choice(range(10**9))", "from random import choice", "random.choice()", Kind.RANDOM),
    Leaky("gauss(0, 1)", "from random import gauss", "random.gauss()", Kind.RANDOM),
    Leaky("random.gauss(0, 1)", "import random", "random.gauss()", Kind.RANDOM),
    Leaky("random.randint(0, 10**9)", "import random", "random.randint()", Kind.RANDOM),
    Leaky("random.getrandbits(40)", "import random", "random.getrandbits()", Kind.RANDOM),
    Leaky("Random().random()", "from random import Random", "random.Random()", Kind.RANDOM),
    Leaky(
        "old.random()", "from random import Random; old = Random(1)", "random.random()", Kind.RANDOM
    ),
    Leaky(
        "old.gauss(0, 1)",
        "from random import Random; old = Random(1)",
        "random.gauss()",
        Kind.RANDOM,
    ),
    Leaky("secrets.token_hex()", "import secrets", "secrets.token_hex()", Kind.RANDOM),
    Leaky("randbelow(10**9)", "from secrets import randbelow", "secrets.randbelow()", Kind.RANDOM),
    Leaky("os.urandom(8)", "import os", "os.urandom()", Kind.RANDOM),
    Leaky("urandom(8)", "from os import urandom", "os.urandom()", Kind.RANDOM),
    Leaky("uuid.uuid4()", "import uuid", "uuid.uuid4()", Kind.ID),
    Leaky("uuid1()", "from uuid import uuid1", "uuid.uuid1()", Kind.ID),
    Leaky("uuid1(node=5)", "from uuid import uuid1", "uuid.uuid1()", Kind.ID),
    Leaky("uuid7()", "from backstory import uuid7", "backstory.uuid7()", Kind.ID),
    Leaky("NewEvent('a', b'1').id", "from backstory import NewEvent", "backstory.uuid7()", Kind.ID),
]
every_leak = pytest.mark.parametrize("leaky", [*CLOCKS, *CHANCES], ids=str)

# Python 3.12 wants nobody to use it; users do.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")


@every_leak
def test_a_leak_is_reported_with_the_line_of_the_user(leaky: Leaky, written: Written) -> None:
    """Only who knows the line can mend it."""
    application = written("application.py", leaky.source)
    with Fences() as fences:
        behind(fences, application.handle)
    file = cast("str", application.__file__)
    once = [msgspec.structs.replace(leak, times=1) for leak in fences.leaks]
    assert once == [Leak(leaky.what, leaky.kind, file, 5, "handle", "happened", 7, 1)]


@every_leak
def test_an_event_gets_the_same_answers_at_every_replay(leaky: Leaky, written: Written) -> None:
    """Else the rows of two replays differ, and nothing can be found out by comparing them."""
    handle = written("application.py", leaky.source).handle
    replays = []
    for _ in range(2):
        handle()  # what happens outside has no say
        with Fences() as fences:
            replays.append(
                [behind(fences, handle), behind(fences, handle, 8), behind(fences, handle)]
            )
    assert replays[0] == replays[1]
    assert replays[0][0] == replays[0][2]


@pytest.mark.parametrize("leaky", CHANCES, ids=str)
def test_another_event_gets_other_numbers_and_so_does_the_next_call(
    leaky: Leaky, written: Written
) -> None:
    """A replay in which all ids are equal would hide bugs, and make some."""
    handle = written("application.py", leaky.source).handle
    with Fences() as fences:
        both = behind(fences, lambda: [handle(), handle()])
        assert both[0] != both[1]
        assert behind(fences, handle, 8) != both[0]


def test_every_clock_shows_when_the_event_was_recorded(written: Written) -> None:
    """It is the only time that a replay knows of."""
    modules = [written(f"clock_{place}.py", leaky.source) for place, leaky in enumerate(CLOCKS)]
    with Fences() as fences:
        answers = [behind(fences, module.handle) for module in modules]
    local = RECORDED_AT.astimezone()
    naive = local.replace(tzinfo=None)
    stamp = RECORDED_AT.timestamp()
    text = local.strftime("%a %b %d %H:%M:%S %Y")
    utc = RECORDED_AT.replace(tzinfo=None)
    assert answers[:5] == [RECORDED_AT, naive, utc, naive, naive.date()]
    assert answers[5:7] == [stamp, round(stamp * 1_000_000) * 1_000]
    shown = [tuple(answer)[:6] for answer in answers[7:9]]
    assert shown == [tuple(local.timetuple())[:6], tuple(utc.timetuple())[:6]]
    assert answers[9:] == [local.strftime("%H:%M:%S"), text, text, stamp, naive]


def test_leaks_of_one_place_are_counted_from_the_first_event_on() -> None:
    """A line that leaks for a million events is one thing to mend."""

    def handle() -> datetime:
        return datetime.now().astimezone()

    with Fences() as fences:
        for position in (3, 4, 5):
            behind(fences, handle, position)
    [leak] = fences.leaks
    assert (leak.position, leak.times, leak.function) == (3, 3, "handle")


CLEAN = """\
import logging, random, time, uuid
from datetime import datetime, UTC


def handle():
    began = time.perf_counter(), time.monotonic()
    logging.getLogger("users").warning("what a log says has no part in what is written")
    own = random.Random(5)
    random.seed(6)
    return [
        datetime.fromisoformat("2026-01-02T03:04:05+00:00"), time.gmtime(0), time.ctime(0),
        datetime.fromtimestamp(0, UTC), datetime.strptime("2026", "%Y"),
        time.asctime(time.gmtime(0)), uuid.uuid5(uuid.NAMESPACE_URL, "a"),
        own.random(), own.gauss(0, 1), random.random(),
        time.strftime("%Y", time.gmtime(0)),
    ]
"""


def test_a_handler_that_asks_for_nothing_leaks_nothing(written: Written) -> None:
    """A false alarm teaches people to look away."""
    handle = written("application.py", CLEAN).handle
    with Fences() as fences:
        inside = behind(fences, handle)
    assert inside == handle()
    assert fences.leaks == ()


LIBRARY = """\
import uuid


def new_number():
    return uuid.uuid4()
"""
APPLICATION = """\
from numbering import new_number


def handle():
    return (
        new_number(),
    )
"""


def test_a_library_is_not_blamed_but_the_line_that_calls_it(written: Written) -> None:
    """Nobody mends a library; the line that calls it can be mended."""
    written("site-packages/numbering.py", LIBRARY)
    application = written("application.py", APPLICATION)
    with Fences() as fences:
        behind(fences, application.handle)
    [leak] = fences.leaks
    assert (leak.file, leak.line, leak.what) == (application.__file__, 6, "uuid.uuid4()")


def test_fences_that_do_not_stand_keep_nothing_away() -> None:
    """A replay that only seems to be fenced would be believed."""
    with pytest.raises(InvalidInput, match="with Fences"):
        Fences().around(happened())

"""UUIDv7 ids: unique and rising whatever the clock, the threads and the forks do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core import ids
from backstory.core.clock import unix_milliseconds
from backstory.core.ids import text_of, uuid7

YEAR_2030_MS = 1_893_456_000_000


def made_with_clock(
    monkeypatch: pytest.MonkeyPatch, readings: list[int], count: int
) -> list[uuid.UUID]:
    """Return ids made by a fresh source whose clock answers *readings*, the last one for ever."""
    left = list(readings)
    monkeypatch.setattr(
        "backstory.core.ids.unix_milliseconds", lambda: left.pop(0) if len(left) > 1 else left[0]
    )
    source = ids._Uuid7Source()  # noqa: SLF001 - a source that has made no id yet
    return [source() for _ in range(count)]


def test_an_id_has_the_layout_of_rfc_9562() -> None:
    """Version 7, the RFC's variant, and the time in the first 48 bits."""
    before = unix_milliseconds()
    made = uuid7()
    after = unix_milliseconds()
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    # Ids borrow from the next millisecond only when 4,096 were made in one.
    assert before <= made.int >> 80 <= after + 1_000


def test_the_time_stands_in_the_first_48_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first id of a millisecond carries it, with a counter of zero."""
    (made,) = made_with_clock(monkeypatch, [YEAR_2030_MS], 1)
    assert made.int >> 80 == YEAR_2030_MS
    assert (made.int >> 64) & 0xFFFF == 0x7000


def test_ids_rise_while_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 4,096 ids in one millisecond borrow from the next one."""
    made = made_with_clock(monkeypatch, [YEAR_2030_MS], 10_000)
    assert all(a < b for a, b in pairwise(made))
    assert made[4_095].int >> 80 == YEAR_2030_MS
    assert made[4_096].int >> 80 == YEAR_2030_MS + 1
    assert {m.version for m in made} == {7}
    assert {m.variant for m in made} == {uuid.RFC_4122}


def test_ids_rise_while_the_clock_runs_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock set back an hour must not make an id that sorts before the last one."""
    readings = [YEAR_2030_MS, YEAR_2030_MS - 3_600_000, YEAR_2030_MS - 1, YEAR_2030_MS + 1]
    made = made_with_clock(monkeypatch, readings, 4)
    assert made == sorted(made)
    assert [m.int >> 80 for m in made] == [YEAR_2030_MS] * 3 + [YEAR_2030_MS + 1]


def test_ids_are_unique_and_rising_in_every_thread() -> None:
    """Threads that make ids at once never make the same one, and each sees its own rise."""
    made: dict[int, list[uuid.UUID]] = {}
    start = threading.Barrier(8)

    def make(number: int) -> None:
        start.wait()
        made[number] = [uuid7() for _ in range(5_000)]

    threads = [threading.Thread(target=make, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [one for part in made.values() for one in part]
    assert len(everything) == 40_000
    assert Counter(everything).most_common(1)[0][1] == 1
    assert all(part == sorted(part) for part in made.values())


def test_a_thread_that_comes_late_to_a_millisecond_begins_none_again() -> None:
    """It saw an older time, or wanted to borrow what another thread has borrowed already."""
    source = ids._Uuid7Source()  # noqa: SLF001 - what two threads may do at once
    source._begin(YEAR_2030_MS)  # noqa: SLF001 - the quicker one
    first = source()
    for late in (YEAR_2030_MS, YEAR_2030_MS - 1):
        source._begin(late)  # noqa: SLF001 - the later one
        second = source()
        assert first < second
        first = second


def test_the_random_bits_differ_from_id_to_id() -> None:
    """The last 62 bits are fresh for each id, across the refills of the stock."""
    bits = [uuid7().int & ((1 << 62) - 1) for _ in range(1_000)]
    assert len(set(bits)) == 1_000
    seen_set = seen_clear = 0
    for value in bits:
        seen_set |= value
        seen_clear |= ~value
    assert seen_set & seen_clear & ((1 << 62) - 1) == (1 << 62) - 1


def test_a_source_that_forgets_makes_fresh_random_bits_and_still_rises() -> None:
    """It is what a child process does first, even when a thread of its parent held the lock."""
    source = ids._Uuid7Source()  # noqa: SLF001 - the part that a fork calls
    before = source()
    left = list(source._random)  # noqa: SLF001 - the stock that must not be used again
    source._lock.acquire()  # noqa: SLF001 - held by a thread that is gone
    source.forget()
    after = source()
    assert after > before
    assert not set(left) & set(source._random)  # noqa: SLF001 - the new stock


@given(st.uuids() | st.builds(uuid7))
def test_the_text_of_an_id_is_the_one_everybody_writes(id: uuid.UUID) -> None:  # noqa: A002 - our word for it
    """Other programs look for it in metadata."""
    assert text_of(id) == str(id)


FORK = """
import os, sys
from backstory.core.ids import uuid7
uuid7()
read_end, write_end = os.pipe()
child = os.fork()
bits = b"".join((uuid7().int & ((1 << 62) - 1)).to_bytes(8) for _ in range(100))
if not child:
    os.write(write_end, bits)
    os._exit(0)
os.waitpid(child, 0)
theirs = os.read(read_end, 800)
ours = {bits[i : i + 8] for i in range(0, 800, 8)}
print(len(ours & {theirs[i : i + 8] for i in range(0, 800, 8)}))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_does_not_hand_the_same_random_bits_to_both_processes() -> None:
    """Parent and child may share the millisecond and the counter; the random bits must differ."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-W", "ignore", "-c", FORK], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"

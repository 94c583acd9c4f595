"""Stores that break one promise of an append to several streams each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from backstory.core.appending import StreamAppend, check_append_several
from backstory.core.clock import to_microseconds
from backstory.core.errors import BackstoryError, InvalidInput
from backstory.core.events import Appended
from backstory.core.expected import ANY, NO_STREAM, WrongExpectedRevision
from backstory.stores.memory import MemoryStore
from backstory.testing import StoreContract as Contract
from backstory.testing.samples import facts


class OneAfterTheOther(MemoryStore):
    """Several appends are several appends: others come in between, and a conflict comes late."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to one stream after another."""
        answers = []
        for part in check_append_several(appends):
            answers.append(await self.append(part.stream, part.events, expected=part.expected))
            await asyncio.sleep(0)
        return answers


class ByName(MemoryStore):
    """Streams are written in the order of their names, as locks are best taken."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Sort, write, answer in the order given."""
        parts = check_append_several(appends)
        answers = await super().append_several(sorted(parts, key=lambda part: part.stream))
        by_stream = {answered.stream: answered for answered in answers}
        return [by_stream[part.stream] for part in parts]


class TellsTheLastConflict(MemoryStore):
    """Of several conflicts the last one is told."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Look from behind."""
        for part in reversed(check_append_several(appends)):
            self._original(part)
        return await super().append_several(appends)


class ATimeForEach(MemoryStore):
    """Each stream gets a time of its own."""

    def _added(self, part: StreamAppend, recorded_us: int) -> Appended:
        return super()._added(part, max(recorded_us, to_microseconds(self._clock())))


class TakesAStreamTwice(MemoryStore):
    """A stream named twice is written twice."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Check the parts one by one alone."""
        return self._write([part for each in appends for part in check_append_several([each])])


class NeedsTwo(MemoryStore):
    """One stream is not several."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Refuse what is too little."""
        if len(appends) == 1:
            message = "give two"
            raise InvalidInput(message)
        return await super().append_several(appends)


class LeavesOutWhatIsBad(MemoryStore):
    """Parts that cannot be appended are passed over."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append the good parts."""
        good: list[StreamAppend] = []
        for part in appends:
            try:
                good += check_append_several([part])
            except BackstoryError:
                continue
        return self._write(good)


class TakesAThousand(MemoryStore):
    """There is a limit on streams that nobody was told of."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Write a thousand."""
        return self._write(check_append_several(appends)[:1_000])


class ReadsTheListsLater(MemoryStore):
    """What the caller does with its lists after the call still counts."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Wait before looking."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await super().append_several(appends)


class AppendsAfterItsEnd(MemoryStore):
    """A closed store still appends to several streams."""

    def _check_open(self) -> None:
        pass


class ForgetsParts(MemoryStore):
    """A repeated append to several streams is written again."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append as if nothing were known and nothing expected."""
        for part in check_append_several(appends):
            self._original(part)
            if part.stream in self._streams:
                self._streams[part.stream].revisions.clear()
        blind = [msgspec.structs.replace(part, expected=ANY) for part in appends]
        return await super().append_several(blind)


class ForgetsEarlier(MemoryStore):
    """What was appended together with others is not known again alone."""

    def _added(self, part: StreamAppend, recorded_us: int) -> Appended:
        answered = super()._added(part, recorded_us)
        self._streams[part.stream].events[-1] = self._log[0]
        return answered


class KnowsAllOrNone(MemoryStore):
    """An append to several counts as repeated when its first part is, and as new when it is not."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Look at the first part alone."""
        parts = check_append_several(appends)
        if self._original(parts[0]) is None:
            return [self._added(part, 0) for part in parts]
        return [self._original(part) or Appended(part.stream, 0, 0) for part in parts]


class TrustsAKnownPart(MemoryStore):
    """Beside a part that is known already, the others are written whatever they expect."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Drop the expectations that fail when one part is known."""
        parts = check_append_several(appends)
        try:
            return self._write(parts)
        except WrongExpectedRevision as conflict:
            known = any(part.stream in self._streams for part in parts)
            if not known:
                raise
            rest = [part for part in parts if part.stream != conflict.stream]
            self._write(rest)
            raise


class OneIdInAllStreams(MemoryStore):
    """An id that stands in one part counts as known in all the others."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Leave out of each part the events of those before."""
        seen: set[object] = set()
        parts = []
        for part in check_append_several(appends):
            new = tuple(event for event in part.events if event.id not in seen)
            seen.update(event.id for event in new)
            parts.append(msgspec.structs.replace(part, events=new or part.events[:1]))
        return self._write(parts)


class ChecksSeveralThenWrites(MemoryStore):
    """Between the check of the expectations and the write, others can write."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Check, let others go first, write."""
        parts = check_append_several(appends)
        for part in parts:
            self._original(part)
        await asyncio.sleep(0)
        return self._write([msgspec.structs.replace(part, expected=ANY) for part in parts])


class LocksAsNamed(MemoryStore):
    """Streams are locked in the order given, so two appends may wait for each other for ever."""

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Take one lock after the other."""
        parts = check_append_several(appends)
        locks: dict[str, asyncio.Lock] = self.__dict__.setdefault("locks", {})
        async with asyncio.timeout(0.5):  # a database's own detection of a deadlock
            held = []
            try:
                for part in parts:
                    lock = locks.setdefault(part.stream, asyncio.Lock())
                    await lock.acquire()
                    held.append(lock)
                    await asyncio.sleep(0)
                return self._write(parts)
            finally:
                for lock in held:
                    lock.release()


class SpreadsConflicts(MemoryStore):
    """A conflict of one append fails those sent together with it."""

    refused: WrongExpectedRevision | None = None

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Remember the conflict for a turn of the loop."""
        if self.refused is not None:
            raise self.refused
        try:
            return await super().append_several(appends)
        except WrongExpectedRevision as conflict:
            self.refused = conflict
            asyncio.get_running_loop().call_soon(self.__dict__.pop, "refused")
            raise


Test = Callable[..., Awaitable[None]]
CASES: list[tuple[type[MemoryStore], Test, dict[str, object]]] = [
    (
        OneAfterTheOther,
        Contract.test_a_conflict_on_one_stream_leaves_nothing_of_the_others,
        {"at": 1},
    ),
    (OneAfterTheOther, Contract.test_an_append_to_several_is_never_seen_in_part, {}),
    (OneAfterTheOther, Contract.test_appends_to_one_and_to_several_make_one_order, {}),
    (
        OneAfterTheOther,
        Contract.test_a_cancelled_append_to_several_is_stored_whole_or_not_at_all,
        {"turns": 1},
    ),
    (ByName, Contract.test_several_streams_take_neighbouring_positions_in_the_order_given, {}),
    (TellsTheLastConflict, Contract.test_the_first_conflict_in_the_order_given_is_told, {}),
    (ATimeForEach, Contract.test_one_append_to_several_has_one_recorded_time, {}),
    (TakesAStreamTwice, Contract.test_an_append_that_names_a_stream_twice_is_refused, {}),
    (TakesAStreamTwice, Contract.test_too_much_for_one_append_is_too_much_for_several, {}),
    (NeedsTwo, Contract.test_one_stream_alone_is_an_append, {}),
    (
        LeavesOutWhatIsBad,
        Contract.test_one_bad_part_refuses_them_all,
        {"bad": StreamAppend("$all", facts(1))},
    ),
    (
        LeavesOutWhatIsBad,
        Contract.test_an_append_to_several_of_anything_else_is_refused,
        {"parts": [None]},
    ),
    (TakesAThousand, Contract.test_the_most_streams_at_once_are_taken_whole, {}),
    (ReadsTheListsLater, Contract.test_changing_the_lists_later_changes_nothing_of_several, {}),
    (AppendsAfterItsEnd, Contract.test_a_closed_store_refuses_an_append_to_several, {}),
    (
        ForgetsParts,
        Contract.test_repeating_an_append_to_several_answers_the_original,
        {"expected": 1},
    ),
    (
        ForgetsParts,
        Contract.test_an_append_to_several_sent_many_times_at_once_happens_once,
        {"expected": ANY},
    ),
    (
        KnowsAllOrNone,
        Contract.test_a_part_that_is_known_is_answered_and_the_others_are_written,
        {"known": 0, "expected": ANY},
    ),
    (
        KnowsAllOrNone,
        Contract.test_a_part_that_is_known_is_answered_and_the_others_are_written,
        {"known": 2, "expected": NO_STREAM},
    ),
    (ForgetsEarlier, Contract.test_a_part_of_an_append_to_several_can_be_repeated_alone, {}),
    (
        TrustsAKnownPart,
        Contract.test_a_conflict_beside_a_known_part_leaves_nothing_behind,
        {"order": 1},
    ),
    (
        TrustsAKnownPart,
        Contract.test_a_part_known_only_in_part_refuses_them_all,
        {"expected": NO_STREAM},
    ),
    (OneIdInAllStreams, Contract.test_one_id_may_stand_in_several_streams_at_once, {}),
    (ChecksSeveralThenWrites, Contract.test_exactly_one_of_racing_appends_to_several_wins, {}),
    (LocksAsNamed, Contract.test_movers_between_two_streams_keep_what_both_hold, {}),
    (OneAfterTheOther, Contract.test_movers_between_two_streams_keep_what_both_hold, {}),
    (SpreadsConflicts, Contract.test_a_conflict_in_several_harms_no_append_beside_it, {}),
]
"""Each store with a test that catches it, and what that test is given."""

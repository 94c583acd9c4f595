"""The engine of a group: who gets which event, and what becomes of it. No I/O, no clock of its own.

read ──> waiting ──> in flight ──ack──> finished
            ^            │ nack, timeout, consumer gone
            └─ retrying ─┤
                         └─ too often, or on request ──> parked
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator

import msgspec

from backstory.core.events import RecordedEvent
from backstory.server.persistent.settings import (
    DISPATCH_TO_SINGLE,
    PINNED,
    PINNED_BY_CORRELATION,
    GroupSettings,
)
from backstory.server.reading.links import Delivery


class Message(msgspec.Struct, eq=False):
    """An event on its way through the group.

    `key` is its place in what the group reads, None for one that is replayed, which has
    `parked_at` instead. `deadline` is when an answer must have come.
    """

    delivery: Delivery
    key: int | None
    parked_at: int | None = None
    retries: int = 0
    deadline: float | None = None

    @property
    def id(self) -> bytes:
        """Return the id by which consumers answer: that of the link, when it is one."""
        return self.delivery.original.id_bytes


class Consumer(msgspec.Struct, eq=False):
    """Who takes events: at most `slots` without having answered."""

    name: str
    address: str
    slots: int
    deliver: Callable[[Message], None]
    drop: Callable[[], None]
    in_flight: dict[bytes, list[Message]] = msgspec.field(default_factory=dict)
    taken: int = 0

    @property
    def unanswered(self) -> int:
        """Return how many events the consumer has not answered."""
        return sum(map(len, self.in_flight.values()))

    @property
    def free(self) -> bool:
        """Return whether the consumer takes another event."""
        return self.unanswered < self.slots


class Outcome(msgspec.Struct):
    """What the engine has decided: what is finished, and what is to be parked and why."""

    finished: list[Message] = msgspec.field(default_factory=list)
    parked: list[tuple[Message, str]] = msgspec.field(default_factory=list)


class Engine:
    """Delivers events to consumers; each to one at a time, until it is finished or parked."""

    def __init__(self, settings: GroupSettings) -> None:
        """Deliver by *settings*."""
        self._settings = settings
        self._waiting: deque[Message] = deque()
        self._retrying: deque[Message] = deque()
        self.consumers: list[Consumer] = []
        self.total: int = 0
        """How many events were delivered, repetitions included."""

    @property
    def buffered(self) -> int:
        """Return how many events are held and not delivered."""
        return len(self._waiting) + len(self._retrying)

    @property
    def retrying(self) -> int:
        """Return how many events wait for being delivered again."""
        return len(self._retrying)

    @property
    def in_flight(self) -> int:
        """Return how many events are delivered and not answered."""
        return sum(consumer.unanswered for consumer in self.consumers)

    def push(self, messages: list[Message]) -> None:
        """Take events to be delivered, behind those that wait."""
        self._waiting.extend(messages)

    def join(self, consumer: Consumer) -> None:
        """Let *consumer* take part."""
        self.consumers.append(consumer)

    def leave(self, consumer: Consumer) -> None:
        """Let *consumer* go; what it has not answered goes to the others, before all else."""
        self.consumers.remove(consumer)
        left = [message for held in consumer.in_flight.values() for message in held]
        consumer.in_flight.clear()
        self._retrying.extendleft(reversed(left))

    def dispatch(self, now: float) -> None:
        """Deliver what can be delivered; retries first."""
        for queue in (self._retrying, self._waiting):
            while queue:
                consumer = self._chosen(queue[0])
                if consumer is None:
                    return
                self._deliver(consumer, queue.popleft(), now)

    def _deliver(self, consumer: Consumer, message: Message, now: float) -> None:
        timeout = self._settings.message_timeout_ms
        message.deadline = now + timeout / 1000 if timeout > 0 else None
        consumer.in_flight.setdefault(message.id, []).append(message)
        consumer.taken += 1
        self.total += 1
        consumer.deliver(message)

    def _chosen(self, message: Message) -> Consumer | None:
        """Return who gets *message*, None when nobody can take it now."""
        free = [consumer for consumer in self.consumers if consumer.free]
        if not free:
            return None
        strategy = self._settings.strategy
        if strategy == DISPATCH_TO_SINGLE:
            return free[0]
        if strategy in {PINNED, PINNED_BY_CORRELATION}:
            pinned = self.consumers[hash(_pin(message, strategy)) % len(self.consumers)]
            return pinned if pinned.free else free[0]
        # In turn: who has had the turn goes to the end of the line.
        self.consumers.remove(free[0])
        self.consumers.append(free[0])
        return free[0]

    def ack(self, consumer: Consumer, ids: list[bytes]) -> Outcome:
        """Take the events with these ids, delivered to *consumer*, as done."""
        return Outcome(finished=list(self._answered(consumer, ids)))

    def skip(self, consumer: Consumer, ids: list[bytes]) -> Outcome:
        """Take the events as done, though the consumer could not do with them."""
        return self.ack(consumer, ids)

    def park(self, consumer: Consumer, ids: list[bytes], reason: str) -> Outcome:
        """Put the events aside."""
        return Outcome(parked=[(message, reason) for message in self._answered(consumer, ids)])

    def retry(self, consumer: Consumer, ids: list[bytes]) -> Outcome:
        """Deliver the events again, unless that was done too often: then they are put aside."""
        outcome = Outcome()
        for message in list(self._answered(consumer, ids)):
            self._again(message, outcome, "Maximum retry count reached")
        return outcome

    def expire(self, now: float) -> Outcome:
        """Deliver again whatever was not answered in time."""
        outcome = Outcome()
        for consumer in self.consumers:
            late = [
                message
                for held in consumer.in_flight.values()
                for message in held
                if message.deadline is not None and message.deadline <= now
            ]
            for message in late:
                _remove(consumer, message)
                self._again(message, outcome, "Maximum retry count reached after timeouts")
        return outcome

    def _again(self, message: Message, outcome: Outcome, reason: str) -> None:
        if message.retries >= self._settings.max_retry_count:
            outcome.parked.append((message, reason))
        else:
            message.retries += 1
            self._retrying.append(message)

    def _answered(self, consumer: Consumer, ids: list[bytes]) -> Iterator[Message]:
        for event_id, times in Counter(ids).items():
            for _ in range(times):
                held = consumer.in_flight.get(event_id)
                if held:
                    message = held[0]
                    _remove(consumer, message)
                    yield message


def _remove(consumer: Consumer, message: Message) -> None:
    held = consumer.in_flight[message.id]
    held.remove(message)
    if not held:
        del consumer.in_flight[message.id]


def _pin(message: Message, strategy: str) -> str:
    """Return what events have in common that go to the same consumer."""
    event: RecordedEvent = message.delivery.event or message.delivery.original
    if strategy == PINNED_BY_CORRELATION:
        try:
            found = event.meta().get("$correlationId")
        except ValueError:
            found = None
        if isinstance(found, str):
            return found
    return event.stream

"""A voucher that is redeemed twice, because a retried command ran beside the first one.

Redeeming asks the bank in between, which takes a while. A client loses patience and sends its
command again, under the same correlation id; both attempts have loaded the voucher before either
has written. The append of the service expects nothing of the stream, so both are recorded.
`decide` is right: it refuses a voucher that is redeemed already, in the state before.
Guilty is the second `redeemed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

import msgspec

from backstory import (
    Application,
    Check,
    CommandRejected,
    Context,
    Decider,
    EventStore,
    EventType,
    RecordedEvent,
    Repository,
    Schema,
)
from tests.planted.production import found, record, running

CLIENT: Final = "request-4711"
SAW: Final = "sawRevision"
"""The metadata that says which revision of the voucher an attempt had loaded."""


class Issued(msgspec.Struct, frozen=True):
    """There is a voucher."""

    cents: int


class Redeemed(msgspec.Struct, frozen=True):
    """Somebody got the money."""

    cents: int


class Redeem(msgspec.Struct, frozen=True):
    """Give the money, once."""


class RedeemedAlready(CommandRejected):
    """The money is gone."""


class Voucher(msgspec.Struct, frozen=True):
    """What was issued and what was redeemed."""

    issued: int = 0
    redeemed: int = 0


Event: TypeAlias = Issued | Redeemed


def decide(_: Redeem, voucher: Voucher) -> Iterable[Event]:
    """Redeem what has not been redeemed."""
    if voucher.redeemed:
        raise RedeemedAlready
    return [Redeemed(voucher.issued)]


def evolve(voucher: Voucher, event: Event) -> Voucher:
    """Return the voucher after *event*."""
    if isinstance(event, Issued):
        return Voucher(event.cents, voucher.redeemed)
    return Voucher(voucher.issued, voucher.redeemed + event.cents)


def is_covered(voucher: Voucher) -> bool:
    """Answer whether no more was redeemed than issued."""
    assert voucher.redeemed <= voucher.issued, f"redeemed {voucher.redeemed} of {voucher.issued}"
    return True


DECIDER: Final = Decider[Redeem, Event, Voucher](initial=Voucher(), decide=decide, evolve=evolve)
app: Final = Application(
    name="vouchers",
    schema=Schema(EventType("issued", Issued), EventType("redeemed", Redeemed)),
    deciders={"voucher": DECIDER},
    checks=(Check("no more is redeemed than issued", is_covered, category="voucher"),),
)


class Service:
    """Redeems vouchers, and asks the bank before it writes."""

    def __init__(self, store: EventStore, bank: Callable[[], Awaitable[object]]) -> None:
        """Ask *bank*, which answers when it pleases."""
        self._store = store
        self._vouchers = Repository(store, app.schema, DECIDER, category="voucher")
        self._bank = bank

    async def redeem(self, key: str, request: str) -> None:
        """Redeem a voucher; raises `RedeemedAlready`."""
        loaded = await self._vouchers.load(key)
        decided = DECIDER.decide(Redeem(), loaded.state)
        await self._bank()
        context = Context(correlation_id=request, command="Redeem").metadata()
        context[SAW] = loaded.revision
        encoded = [app.schema.encode(event, metadata=context) for event in decided]
        await self._store.append(f"voucher-{key}", encoded)  # the bug: expected=loaded.revision


async def plant(store_url: str, _: str | None = None) -> None:
    """Redeem many vouchers, one of them in two attempts at once."""
    async with running(store_url) as (store, _model):
        quick = Service(store, lambda: asyncio.sleep(0))
        for number in range(120):
            await record(app, store, f"voucher-{number}", Issued(100 + number))
        for number in range(60):
            await quick.redeem(f"{number}", f"request-{number}")
        bank = asyncio.Barrier(2)  # it answers both at once
        slow = Service(store, bank.wait)
        await asyncio.gather(slow.redeem("77", CLIENT), slow.redeem("77", CLIENT))
        for number in range(80, 120):
            await quick.redeem(f"{number}", f"request-{number}")


async def guilty(store: EventStore) -> RecordedEvent:
    """Return the second redemption."""
    return await found(store, lambda event: (event.stream, event.revision) == ("voucher-77", 2))

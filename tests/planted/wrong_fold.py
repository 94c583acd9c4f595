"""Accounts whose balance goes wrong when a fee is given back.

Customers pay in and out, and some payments bounce, all of which is folded well.
The bank gives one fee back. `evolve` was written for payments that bounce, where what
comes back is what the customer had paid in: it takes a fee off a second time.
The balance falls below zero, and the customer's next withdrawal is refused.
Guilty is the one event `fee-returned`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final, TypeAlias

import msgspec

from backstory import (
    Application,
    Check,
    CommandRejected,
    Decider,
    EventStore,
    EventType,
    RecordedEvent,
    Repository,
    Schema,
)
from tests.planted.production import found, record, running


class PaidIn(msgspec.Struct, frozen=True):
    """Money came in."""

    cents: int


class PaidOut(msgspec.Struct, frozen=True):
    """Money went out."""

    cents: int


class Bounced(msgspec.Struct, frozen=True):
    """Money that had come in went back."""

    cents: int


class FeeTaken(msgspec.Struct, frozen=True):
    """The bank took a fee."""

    cents: int


class FeeReturned(msgspec.Struct, frozen=True):
    """The bank gave a fee back."""

    cents: int


class Withdraw(msgspec.Struct, frozen=True):
    """Pay out, if there is enough."""

    cents: int


class GiveBack(msgspec.Struct, frozen=True):
    """Give the last fee back."""


class Refused(CommandRejected):
    """There is not enough on the account."""


class Account(msgspec.Struct, frozen=True):
    """What is on an account, and the last fee."""

    balance: int = 0
    fee: int = 0


Event: TypeAlias = PaidIn | PaidOut | Bounced | FeeTaken | FeeReturned


def decide(command: Withdraw | GiveBack, account: Account) -> Iterable[Event]:
    """Pay out what is there; give back what was taken."""
    if isinstance(command, GiveBack):
        return [FeeReturned(account.fee)]
    if command.cents > account.balance:
        raise Refused
    return [PaidOut(command.cents)]


def evolve(account: Account, event: Event) -> Account:
    """Return the account after *event*."""
    match event:
        case PaidIn(cents):
            return Account(account.balance + cents, account.fee)
        case FeeTaken(cents):
            return Account(account.balance - cents, cents)
        case PaidOut(cents) | Bounced(cents) | FeeReturned(cents):  # the bug: the last one adds
            return Account(account.balance - cents, account.fee)


def is_not_overdrawn(account: Account) -> bool:
    """Answer whether no more went out than came in."""
    assert account.balance >= 0, f"the balance is {account.balance}"
    return True


DECIDER: Final = Decider[Withdraw | GiveBack, Event, Account](
    initial=Account(), decide=decide, evolve=evolve
)
app: Final = Application(
    name="bank",
    schema=Schema(
        EventType("paid-in", PaidIn),
        EventType("paid-out", PaidOut),
        EventType("bounced", Bounced),
        EventType("fee-taken", FeeTaken),
        EventType("fee-returned", FeeReturned),
    ),
    deciders={"account": DECIDER},
    checks=(Check("no account is overdrawn", is_not_overdrawn, category="account"),),
)


async def plant(store_url: str, _: str | None = None) -> None:
    """Run the bank until the customer complains."""
    async with running(store_url) as (store, _model):
        accounts = Repository(store, app.schema, DECIDER, category="account")
        for number in range(30):
            movements = [PaidIn(1000), PaidOut(300), PaidIn(500), Bounced(500), FeeTaken(20)]
            await record(app, store, f"account-{number}", *movements)
        await record(app, store, "account-donald", PaidIn(5000), FeeTaken(900), PaidOut(4000))
        for number in range(10):
            await accounts.execute(f"{number}", Withdraw(100))
        await accounts.execute("donald", GiveBack())
        with suppress(Refused):  # there are 10 euros, says the customer
            await accounts.execute("donald", Withdraw(1000))
        for number in range(10, 30):
            await record(app, store, f"account-{number}", PaidIn(50), PaidOut(20), PaidIn(50))
            await accounts.execute(f"{number}", Withdraw(100))


async def guilty(store: EventStore) -> RecordedEvent:
    """Return the fee that was given back."""
    return await found(store, lambda event: event.type == "fee-returned")

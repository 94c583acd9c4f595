"""A bank account: the example that the tests of deciding share."""

from __future__ import annotations

import msgspec

from backstory.core.errors import CommandRejected
from backstory.core.schema import EventType, Schema
from backstory.domain.decider import Decider


class Open(msgspec.Struct, frozen=True):
    """Open the account."""

    owner: str


class Deposit(msgspec.Struct, frozen=True):
    """Pay in, in one event or in several."""

    amount: int
    parts: int = 1


class Opened(msgspec.Struct, frozen=True):
    """The account was opened."""

    owner: str


class Deposited(msgspec.Struct, frozen=True):
    """Money came in."""

    amount: int


class Account(msgspec.Struct, frozen=True):
    """An account; nobody owns it before it is opened."""

    owner: str | None = None
    balance: int = 0
    deposits: tuple[int, ...] = ()


class AlreadyOpen(CommandRejected):
    """The account is open already."""


Command = Open | Deposit
Event = Opened | Deposited


def decide(command: Command, state: Account) -> list[Event]:
    """Open once; a deposit of nothing is nothing."""
    match command:
        case Open(owner):
            if state.owner is not None:
                raise AlreadyOpen
            return [Opened(owner)]
        case Deposit(amount, parts):
            return [Deposited(amount)] * parts if amount else []


def evolve(state: Account, event: Event) -> Account:
    """Apply one event."""
    match event:
        case Opened(owner):
            return Account(owner, state.balance, state.deposits)
        case Deposited(amount):
            deposits = (*state.deposits, amount)[-3:]
            return Account(state.owner, state.balance + amount, deposits)


SCHEMA = Schema(EventType("account-opened", Opened), EventType("money-deposited", Deposited))
ACCOUNT = Decider(initial=Account(), decide=decide, evolve=evolve)

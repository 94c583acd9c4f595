"""A small store of club members."""

from __future__ import annotations

from backstory import EventStore, NewEvent


async def join(store: EventStore, count: int) -> None:
    """Append *count* members, each a stream of one event."""
    for number in range(count):
        await store.append(f"member-{number}", [NewEvent.of("member-joined", {"n": number})])


async def pay(store: EventStore, number: int) -> None:
    """Append a payment of member *number*."""
    await store.append(f"member-{number}", [NewEvent.of("fee-paid", {})])

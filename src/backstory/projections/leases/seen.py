"""What a look at the leases shows: who lives, who holds what, and when that may end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec
from sqlalchemy import BigInteger, case, cast, select

from backstory.projections.leases.moments import is_alive, seconds_until
from backstory.projections.partitions import Partition
from backstory.projections.read_model import ReadModel
from backstory.projections.tables import lease_table, owner_table

_alive = is_alive(lease_table.c.expires_at, lease_table.c.seconds)
_left = cast(1_000 * seconds_until(lease_table.c.expires_at), BigInteger)
_leases = select(
    lease_table.c.projection,
    lease_table.c.partition,
    lease_table.c.token,
    case((_alive, lease_table.c.owner)),
    case((_alive, _left)),
)
"""Which partitions are there, what are their tokens, who holds them, and for how much longer?"""

_owners = select(owner_table.c.owner, owner_table.c.projection).where(
    is_alive(owner_table.c.expires_at, owner_table.c.seconds)
)
"""Who lives, and follows what?"""


class _Lease(msgspec.Struct, frozen=True):
    projection: str
    partition: int
    token: int
    holder: str | None
    milliseconds: int | None


class Seen(msgspec.Struct, frozen=True):
    """Who holds each partition (None: nobody alive), its token, and who follows each projection.

    `changes_in` is the number of seconds after which a lease of another may have expired.
    """

    held: Mapping[Partition, str | None]
    tokens: Mapping[Partition, int]
    able: Mapping[str, AbstractSet[str]]
    changes_in: float


async def see(read_model: ReadModel, me: str) -> Seen:
    """Return what is there, as *me* sees it."""
    leases = await read_model.all(_leases, into=_Lease)
    numbers = Counter(lease.projection for lease in leases)
    held: dict[Partition, str | None] = {}
    tokens: dict[Partition, int] = {}
    changes_in = float("inf")
    for lease in leases:
        partition = Partition(lease.projection, lease.partition, numbers[lease.projection])
        held[partition], tokens[partition] = lease.holder, lease.token
        if lease.milliseconds is not None and lease.holder != me:
            changes_in = min(changes_in, lease.milliseconds / 1_000)
    able: dict[str, set[str]] = {}
    for owner, projection in await read_model.all(_owners, into=_owner):
        able.setdefault(projection, set()).add(owner)
    return Seen(held, tokens, able, changes_in)


def _owner(owner: str, projection: str) -> tuple[str, str]:
    return owner, projection

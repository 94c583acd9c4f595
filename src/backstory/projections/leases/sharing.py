"""Who should apply what: partitions shared out evenly, with as few changes of hands as can be.

Every process computes this by itself from what the database shows to all, and they come to the same
answer; where they do not, because one looked a moment earlier, the next look mends it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from backstory.projections.partitions import Partition


def share(
    held: Mapping[Partition, str | None], able: Mapping[str, AbstractSet[str]]
) -> dict[Partition, str]:
    """Return who should hold each partition.

    *held* names every partition and who holds it now, None for nobody; *able* names, for each
    projection, the processes that follow it. A partition that nobody is able to apply stays with
    its holder, if any. No process ends with two partitions more than another that could have taken
    one, so each of *n* that follow the same has at most its *n*th part, rounded up.
    """
    shares = _Shares(able)
    for partition, owner in held.items():
        if owner is not None:
            shares.give(partition, owner)
    for partition in sorted(partition for partition, owner in held.items() if owner is None):
        least = shares.least_loaded(partition.projection)
        if least is not None:
            shares.give(partition, least)
    while shares.even_out():
        pass
    return shares.given


class _Shares:
    def __init__(self, able: Mapping[str, AbstractSet[str]]) -> None:
        self.given: dict[Partition, str] = {}
        self._able = able
        self._loads: Counter[str] = Counter()
        self._of: defaultdict[tuple[str, str], set[Partition]] = defaultdict(set)

    def give(self, partition: Partition, owner: str) -> None:
        before = self.given.get(partition)
        if before is not None:
            self._loads[before] -= 1
            self._of[partition.projection, before].remove(partition)
        self.given[partition] = owner
        self._loads[owner] += 1
        self._of[partition.projection, owner].add(partition)

    def least_loaded(self, projection: str) -> str | None:
        """Return who has least to do, and least of *projection*, of those who are able."""
        return min(
            self._able.get(projection, ()),
            key=lambda owner: (self._loads[owner], len(self._of[projection, owner]), owner),
            default=None,
        )

    def even_out(self) -> bool:
        """Move one partition from who has two more than another; say whether there was one."""
        # From who has most, and most of that projection, so that its partitions spread, too.
        most = max(self._too_many(), default=None)
        if most is None:
            return False
        *_, projection, owner, least = most
        self.give(max(self._of[projection, owner]), least)
        return True

    def _too_many(self) -> Iterator[tuple[int, int, str, str, str]]:
        for (projection, owner), partitions in list(self._of.items()):
            least = self.least_loaded(projection)
            if partitions and least is not None and self._loads[owner] - self._loads[least] > 1:
                yield self._loads[owner], len(partitions), projection, owner, least

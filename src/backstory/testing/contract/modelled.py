"""The model: whatever is done to a store, it answers as the memory store does."""

from __future__ import annotations

from typing import ClassVar

from backstory.testing.contract.topic import Topic
from backstory.testing.machine import compare_with_memory


class ModelledTopic(Topic):
    """Comparison with the reference over random histories.

    `examples` says how many; left alone they are many in CI and fewer at a desk. A decorator that
    decides nothing itself may do with less.
    """

    examples: ClassVar[int | None] = None

    def test_every_history_reads_as_in_the_memory_store(self) -> None:
        """Random histories, each answer compared (see `backstory.testing.machine`)."""
        compare_with_memory(self.make, powers=self.powers, examples=self.examples)

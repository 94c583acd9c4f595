"""Which store has which power: one table for the contract suite and the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backstory.core.store import Power

POWERS: Final[Mapping[str, frozenset[Power]]] = MappingProxyType(
    {
        "memory": frozenset({Power.SEVERAL}),
        "postgres": frozenset({Power.DURABLE, Power.SHARED, Power.VERIFIABLE, Power.SEVERAL}),
        "sqlite": frozenset({Power.DURABLE, Power.SHARED, Power.VERIFIABLE, Power.SEVERAL}),
    }
)
"""Powers by the name of the store's module or folder in `backstory.stores`."""

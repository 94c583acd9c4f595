"""Which store has which power: one table for the contract suite and the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backstory.core.store import Power

POWERS: Final[Mapping[str, frozenset[Power]]] = MappingProxyType(
    {
        "kurrentdb": frozenset({Power.DURABLE, Power.SHARED}),
        "memory": frozenset({Power.SEVERAL, Power.SEARCHABLE, Power.LISTED, Power.RETAINING}),
        "postgres": frozenset(Power),
        "sqlite": frozenset(Power),
    }
)
"""Powers by the name of the store's module or folder in `backstory.stores`."""

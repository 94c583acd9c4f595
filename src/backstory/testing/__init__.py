"""Proving: what users and store authors test their code with.

`StoreContract` and `compare_with_memory` prove a store, `Specification` says what a decider does,
and the strategies make names, events, reads and histories for Hypothesis.
"""

from __future__ import annotations

from importlib.util import find_spec

_MISSING = [name for name in ("pytest", "pytest_asyncio", "hypothesis") if find_spec(name) is None]
if _MISSING:
    _MESSAGE = (
        f"backstory.testing needs {', '.join(_MISSING)}: pip install 'backstory[testing]' has all"
    )
    raise ImportError(_MESSAGE)

import pytest  # noqa: E402 - after the check

# Assertions explain themselves only in modules that pytest rewrites.
pytest.register_assert_rewrite(
    "backstory.testing.contract", "backstory.testing.machine", "backstory.testing.samples"
)

from backstory.testing.contract import StoreContract  # noqa: E402 - after the rewrite is registered
from backstory.testing.machine import StoreMachine, compare_with_memory, machine_of  # noqa: E402 - the same
from backstory.testing.making import HandClock, Maker, Opener  # noqa: E402 - the same
from backstory.testing.specification import Given, Specification, When  # noqa: E402 - the same
from backstory.testing.strategies import (  # noqa: E402 - the same
    event_types,
    histories,
    json_values,
    new_events,
    reads,
    stream_names,
)

__all__ = [
    "Given",
    "HandClock",
    "Maker",
    "Opener",
    "Specification",
    "StoreContract",
    "StoreMachine",
    "When",
    "compare_with_memory",
    "event_types",
    "histories",
    "json_values",
    "machine_of",
    "new_events",
    "reads",
    "stream_names",
]

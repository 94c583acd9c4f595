"""Which tests need which power, and the one reason for which a test of the suite may be skipped."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final, TypeVar

from backstory.core.store import Power

Test = TypeVar("Test", bound=Callable[..., object])

_ATTRIBUTE: Final = "required_powers"


def requires(*powers: Power) -> Callable[[Test], Test]:
    """Declare that a test, or every test of a topic class, needs *powers*."""

    def declare(test: Test) -> Test:
        tests = own_tests(test).values() if isinstance(test, type) else [test]
        for each in tests:
            setattr(each, _ATTRIBUTE, required_by(each) | frozenset(powers))
        return test

    return declare


def own_tests(topic: type) -> dict[str, Callable[..., object]]:
    """Return the tests *topic* itself defines, by name."""
    return {
        name: value
        for name, value in vars(topic).items()
        if name.startswith("test_") and callable(value)
    }


def required_by(test: object) -> frozenset[Power]:
    """Return the powers *test* needs."""
    found: frozenset[Power] = getattr(test, _ATTRIBUTE, frozenset())
    return found


def reason_to_skip(test: object, store: str, powers: AbstractSet[Power]) -> str | None:
    """Return why *test* cannot run on a store that declares *powers*, None when it can."""
    missing = sorted(power.name for power in required_by(test) - powers)
    if not missing:
        return None
    return f"the {store} store does not declare {', '.join(missing)}"

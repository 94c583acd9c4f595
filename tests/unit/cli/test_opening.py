from __future__ import annotations

import pytest

from backstory.cli.opening import with_mode


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///a.db", "sqlite:///a.db?mode=ro"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db?mode=ro"),
        ("sqlite:///a.db?readers=4", "sqlite:///a.db?readers=4&mode=ro"),
        ("sqlite:///a.db?mode=rwc&readers=4", "sqlite:///a.db?readers=4&mode=ro"),
        ("sqlite:///a.db?mode=rwc&mode=rw", "sqlite:///a.db?mode=ro"),
        ("sqlite:///a%3Fmode=x.db", "sqlite:///a%3Fmode=x.db?mode=ro"),
        ("memory:", "memory:"),
        ("nonsense", "nonsense"),
    ],
)
def test_the_mode_is_set_and_everything_else_stays(url: str, expected: str) -> None:
    """A command that reads gets no more rights, whatever the URL says."""
    assert with_mode(url, "ro") == expected

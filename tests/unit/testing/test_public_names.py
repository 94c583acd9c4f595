from __future__ import annotations

import subprocess
import sys

import pytest

from backstory import testing


def test_every_public_name_can_be_imported() -> None:
    """What `__all__` announces is there."""
    assert [name for name in testing.__all__ if not hasattr(testing, name)] == []
    assert testing.__all__ == sorted(testing.__all__)


@pytest.mark.parametrize("missing", ["pytest", "pytest_asyncio", "hypothesis"])
def test_without_the_testing_extra_the_error_says_what_to_install(missing: str) -> None:
    """Whoever installed backstory alone learns what is needed."""
    program = f"import sys; sys.modules[{missing!r}] = None; import backstory.testing"
    ended = subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == 1
    assert f"backstory.testing needs {missing}" in ended.stderr
    assert "pip install 'backstory[testing]'" in ended.stderr

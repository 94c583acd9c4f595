from __future__ import annotations

from collections.abc import Iterator

import pytest

import backstory
from backstory import BackstoryError
from backstory.cli.exits import MEANINGS, ExitCode, exit_code_of

CODES = {
    "InvalidName": ExitCode.USAGE,
    "InvalidSetting": ExitCode.USAGE,
    "EventTooLarge": ExitCode.USAGE,
    "WrongExpectedRevision": ExitCode.FOUND,
    "OutcomeUnknown": ExitCode.UNAVAILABLE,
    "StoreBusy": ExitCode.UNAVAILABLE,
    "StoreFull": ExitCode.UNAVAILABLE,
    "StoreReadOnly": ExitCode.UNAVAILABLE,
    "StoreDamaged": ExitCode.UNUSABLE,
    "StoreVersionUnsupported": ExitCode.UNUSABLE,
    "UnknownSchemaVersion": ExitCode.UNUSABLE,
    "HandlerFailed": ExitCode.FOUND,
}


def _errors() -> Iterator[type[BackstoryError]]:
    for name in backstory.__all__:
        found = getattr(backstory, name)
        if isinstance(found, type) and issubclass(found, BackstoryError):
            yield found


def _raised(error: type[BackstoryError]) -> BackstoryError:
    # Only its class counts here; every error wants other facts.
    return error.__new__(error)


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_each_kind_of_error_has_its_exit_code(name: str, code: ExitCode) -> None:
    """Scripts tell a conflict from a full disk."""
    assert exit_code_of(_raised(getattr(backstory, name))) is code


def test_no_error_ends_as_success() -> None:
    """Zero is for what was done."""
    assert [error for error in _errors() if exit_code_of(_raised(error)) is ExitCode.DONE] == []


def test_every_exit_code_is_explained() -> None:
    """The table of meanings names each code."""
    assert {str(code.value) for code in ExitCode} <= set(MEANINGS)

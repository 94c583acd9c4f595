"""What import-linter cannot say: rules about every third party, and about single names."""

from __future__ import annotations

import sys

from tests.architecture.tree import imports_of, python_files, shown


def test_core_imports_the_standard_library_msgspec_and_itself() -> None:
    """The words know nothing of the world."""
    strangers = {
        f"{shown(path)} imports {name}"
        for path in python_files("src/backstory/core")
        for name in imports_of(path)
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "msgspec"}
        and not name.startswith("backstory.core")
    }
    assert strangers == set()


def test_the_demo_imports_public_names_only() -> None:
    """The user service is written as a user writes one."""
    private = {
        f"{shown(path)} imports {name}"
        for path in python_files("src/backstory/demo")
        for name in imports_of(path)
        if name.startswith("backstory.") and not name.startswith("backstory.demo")
    }
    assert private == set()


def test_no_test_or_benchmark_imports_a_private_name() -> None:
    """What is tested is what is promised; a private name may change any day."""
    private = {
        f"{shown(path)} imports {name}"
        for path in python_files("tests", "bench")
        for name in imports_of(path)
        if name.startswith("backstory.") and "._" in name
    }
    assert private == set()


def test_only_testing_itself_imports_testing() -> None:
    """What proves the product is no part of it; users reach it through pytest."""
    importers = {
        f"{shown(path)} imports {name}"
        for path in python_files("src")
        if not shown(path).startswith("src/backstory/testing/")
        for name in imports_of(path)
        if name.startswith("backstory.testing")
    }
    assert importers == set()

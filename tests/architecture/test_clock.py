from __future__ import annotations

import ast
from typing import Final

from tests.architecture.tree import PACKAGE, parsed, python_files, shown

WALL_CLOCKS: Final = {
    "date": {"today"},
    "datetime": {"now", "today", "utcnow"},
    "time": {"ctime", "gmtime", "localtime", "strftime", "time", "time_ns"},
}


def _reads_the_wall_clock(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom) and node.module == "time":
        return any(alias.name in WALL_CLOCKS["time"] for alias in node.names)
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return node.attr in WALL_CLOCKS.get(name, ())


def test_only_the_clock_module_reads_the_wall_clock() -> None:
    """Everything else is given its clock, so that a replay can give it the past."""
    readers = {
        f"{shown(path)}:{getattr(node, 'lineno', 0)}"
        for path in python_files("src")
        if path != PACKAGE / "core" / "clock.py"
        for node in ast.walk(parsed(path))
        if _reads_the_wall_clock(node)
    }
    assert readers == set()


def test_the_search_finds_the_clock_module() -> None:
    """The search above is not blind: it sees the one place that may read the clock."""
    clock = parsed(PACKAGE / "core" / "clock.py")
    assert any(_reads_the_wall_clock(node) for node in ast.walk(clock))

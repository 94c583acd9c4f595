from __future__ import annotations

import ast
from statistics import median, quantiles
from typing import Final

from tests.architecture.tree import Function, functions_of, python_files, shown

CODE: Final = ("src", "tests", "bench")


def _lengths() -> dict[str, int]:
    return {
        shown(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(*CODE)
    }


def test_no_file_is_longer_than_500_lines() -> None:
    """A longer file is a room that two ideas share."""
    assert {name: lines for name, lines in _lengths().items() if lines > 500} == {}


def test_nine_files_in_ten_have_at_most_300_lines() -> None:
    """Long files are exceptions."""
    assert quantiles(_lengths().values(), n=10)[-1] <= 300


def test_half_of_the_files_have_at_most_120_lines() -> None:
    """Files are small unless something asks for more."""
    assert median(_lengths().values()) <= 120


def test_no_function_is_longer_than_40_lines() -> None:
    """A function is taken in at one glance; decorators and docstring do not count."""
    long = [
        f"{shown(path)}:{function.lineno} {function.name}: {_lines(function)} lines"
        for path in python_files(*CODE)
        for function in functions_of(path)
        if _lines(function) > 40
    ]
    assert long == []


def _lines(function: Function) -> int:
    lines = _extent(function)
    return lines if ast.get_docstring(function) is None else lines - _extent(function.body[0])


def _extent(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1

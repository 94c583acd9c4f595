from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from tests.architecture.tree import parsed, python_files, shown

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(body: list[ast.stmt]) -> Iterator[Definition]:
    """Yield what *body* defines for others; what stands inside a function is private."""
    for node in body:
        if _is_public(node):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body)


def _is_public(node: ast.stmt) -> TypeGuard[Definition]:
    if not isinstance(node, Definition) or node.name.startswith("_"):
        return False
    return "overload" not in {ast.unparse(decorator) for decorator in node.decorator_list}


def test_every_module_class_and_function_that_is_public_has_a_docstring() -> None:
    """A name that others use says what it gives them."""
    bare = [shown(path) for path in python_files("src") if ast.get_docstring(parsed(path)) is None]
    bare += [
        f"{shown(path)}:{node.lineno} {node.name}"
        for path in python_files("src")
        for node in _public(parsed(path).body)
        if ast.get_docstring(node) is None
    ]
    assert bare == []


def test_every_test_says_in_one_line_what_it_promises() -> None:
    """The name is the promise; the docstring is why it matters."""
    bare = [
        f"{shown(path)}:{node.lineno} {node.name}"
        for path in python_files("tests", "src/backstory/testing")
        for node in ast.walk(parsed(path))
        if isinstance(node, Definition)
        and node.name.startswith("test_")
        and len((ast.get_docstring(node) or "\n").splitlines()) != 1
    ]
    assert bare == []

"""A hash of the code and tables that decide what a read model holds."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType

from sqlalchemy import Executable, Table
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import ClauseElement

_PLAIN = (bool, int, float, str, bytes, type(None))


def fingerprint_of(
    name: str, tables: Iterable[Table], functions: Mapping[str, Callable[..., object]]
) -> str:
    """Return a hash that stays the same while *name*, *tables* and *functions* mean the same.

    It may change without need (another Python version); it is then only trusted less.
    """
    lines = [name, *sorted(_ddl(table) for table in tables)]
    for event, function in sorted(functions.items()):
        lines.append(event)
        lines.extend(_meaning(inspect.unwrap(function), set()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _ddl(table: Table) -> str:
    try:
        return str(CreateTable(table))
    except CompileError:  # a type only some databases have
        return repr(table)


def _meaning(function: Callable[..., object], seen: set[int]) -> Iterator[str]:
    """Yield the code of *function* and what the names in it stand for."""
    if id(function) in seen:
        return
    seen.add(id(function))
    code = function.__code__
    yield _source(function, code)
    for name in sorted(set(_names(code))):
        value = function.__globals__.get(name)
        if inspect.isfunction(value):
            if _package(value) == _package(function):
                yield from _meaning(value, seen)
        elif isinstance(value, ClauseElement) and isinstance(value, Executable):
            yield f"{name} = {_statement(value)}"
        elif _is_plain(value):
            yield f"{name} = {value!r}"


def _source(function: Callable[..., object], code: CodeType) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # typed at a prompt, or half a line: a lambda
        return f"{code.co_code.hex()} {[const for const in code.co_consts if _is_plain(const)]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _statement(statement: ClauseElement) -> str:
    compiled = statement.compile()
    values = {name: value for name, value in compiled.params.items() if _is_plain(value)}
    return f"{compiled} {sorted(values.items(), key=repr)}"


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _names(const)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(_is_plain(item) for item in value)
    return isinstance(value, _PLAIN)


def _package(function: Callable[..., object]) -> str:
    return function.__module__.partition(".")[0]

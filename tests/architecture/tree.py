"""The files of this project, for tests that read them."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Final

import backstory

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src" / "backstory"

_NOT_OURS: Final = {"__pycache__", "build", "dist", "htmlcov", "node_modules"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def project_files() -> tuple[Path, ...]:
    """Return every file of the project that is kept, made files left out."""
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in _NOT_OURS and (name == ".ci" or not name.startswith("."))
        ]
        # A worktree has a file where a clone has a folder.
        found += [Path(folder, name) for name in names if name != ".git"]
    return tuple(sorted(found))


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below *folders* of the project."""
    tops = [ROOT / folder for folder in folders]
    return [
        path
        for path in project_files()
        if path.suffix == ".py" and any(path.is_relative_to(top) for top in tops)
    ]


def shown(path: Path) -> str:
    """Return *path* as a person names it: from the project's root."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of *path*."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Yield the full name of every module that *path* imports, at its top or deeper."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)}:{node.lineno} imports relatively"
            yield node.module or ""


def functions_of(path: Path) -> Iterator[Function]:
    """Yield every function and method of *path*."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@cache
def every_module() -> tuple[str, ...]:
    """Import every module of the package and return their names."""
    names = tuple(module.name for module in walk_packages(backstory.__path__, "backstory."))
    for name in names:
        import_module(name)
    return names

"""Code of users, in files of its own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import pytest

Written: TypeAlias = Callable[[str, str], ModuleType]


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    """Return what writes a module, given its path and its source, and imports it."""
    names: list[str] = []

    def write(path: str, source: str) -> ModuleType:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[file.stem] = module
        names.append(file.stem)
        spec.loader.exec_module(module)
        return module

    yield write
    for name in names:
        sys.modules.pop(name, None)

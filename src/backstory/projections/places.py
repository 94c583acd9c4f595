"""Where in a user's code something stands, for messages."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType


def place_of(function: Callable[..., object]) -> str:
    """Return file, line and name of where *function* begins."""
    code = _code_of(function)
    if code is None:
        return repr(function)
    return _shown(code, code.co_firstlineno)


def failing_place(
    error: Exception, function: Callable[..., object], line: int | None = None
) -> str:
    """Return file, line and name of where *function* failed with *error*; *line* if unknown."""
    code = _code_of(function)
    if code is None:
        return repr(function)
    found, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == code.co_filename:
            found = step.tb_lineno
        step = step.tb_next
    return _shown(code, found or line or code.co_firstlineno)


def _code_of(function: Callable[..., object]) -> CodeType | None:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code if isinstance(code, CodeType) else None


def _shown(code: CodeType, line: int) -> str:
    return f"{code.co_filename}:{line} ({code.co_name})"

"""What a frame is calling, when that is a function of C, which has no frame of its own."""

from __future__ import annotations

import ast
import builtins
import linecache
from collections.abc import Mapping
from types import BuiltinFunctionType, CodeType, FrameType, ModuleType
from typing import Final

_UNKNOWN: Final = "a call"
_KNOWN_AS: Final[Mapping[str, str]] = {"posix": "os.", "nt": "os.", "io": "", "_io": ""}
"""What users write in front of the functions of some modules."""

_known: dict[tuple[CodeType, int], str] = {}
"""A place leaks for one event after the other; its source is looked at once."""


def called_at(frame: FrameType) -> str:
    """Return what the line that *frame* stands at calls, such as `datetime.now()`."""
    place = (frame.f_code, frame.f_lasti)
    found = _known.get(place)
    if found is None:
        found = _known[place] = _look(frame)
    return found


def _look(frame: FrameType) -> str:
    source = _source_of(frame)
    try:
        called = ast.parse(f"({source})", mode="eval").body
    except (SyntaxError, ValueError):  # there is no source, or not the one that runs
        return _UNKNOWN
    if not isinstance(called, ast.Call):
        return source or _UNKNOWN
    found = _named(called.func, frame)
    name = _name(found) if isinstance(found, BuiltinFunctionType) else ast.unparse(called.func)
    return f"{name}()"


def _source_of(frame: FrameType) -> str:
    """Return the text of the expression that *frame* is at."""
    code = frame.f_code
    line, end_line, start, end = list(code.co_positions())[frame.f_lasti // 2]
    if line is None or end_line is None:
        return ""
    lines = linecache.getlines(code.co_filename, frame.f_globals)[line - 1 : end_line]
    raw = [text.encode() for text in lines]  # positions count bytes
    if not raw:
        return ""
    raw[-1] = raw[-1][:end]
    raw[0] = raw[0][start:]
    return b"".join(raw).decode(errors="replace")


def _named(expression: ast.expr, frame: FrameType) -> object:
    """Return what *expression* stands for, None unless that can be told without running code."""
    if isinstance(expression, ast.Name):
        for names in (frame.f_locals, frame.f_globals, vars(builtins)):
            if expression.id in names:
                return names[expression.id]
    if isinstance(expression, ast.Attribute):
        owner = _named(expression.value, frame)
        if isinstance(owner, ModuleType | type):
            found: object = getattr(owner, expression.attr, None)
            return found
    return None


def _name(function: BuiltinFunctionType) -> str:
    owner = function.__self__
    name = owner.__name__ if isinstance(owner, ModuleType | type) else type(owner).__name__
    known_as = _KNOWN_AS.get(name, f"{name}.")
    return f"{known_as}{function.__name__}"

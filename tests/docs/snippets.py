"""How the code blocks of a page are run, in the order of the page, in one namespace and directory.

- `python` blocks run as in `python -m asyncio`, where `await` stands at the top level;
- a `text` block right behind one is exactly what it printed;
- `console` blocks hold commands behind `$ `, each with the output it must show; a line `...` stands
  for any lines, and `...` within a line for any text;
- other languages are not run.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Final

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

ROOT: Final = Path(__file__).parents[2]


def pages() -> list[Path]:
    """Return every page whose snippets must run."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


class Page:
    """Runs the snippets of one page."""

    def __init__(self, path: Path) -> None:
        """Read the page at *path*."""
        self._printed = ""
        self._runner = asyncio.Runner()
        parsers = [
            CodeBlockParser(language=language, evaluator=run)
            for language, run in (
                ("python", self._run_python),
                ("text", self._compare_text),
                ("console", self._run_console),
            )
        ]
        self._document = Sybil(parsers=parsers, path=str(ROOT)).parse(path)

    def run(self) -> int:
        """Run every snippet and return how many there were."""
        with self._runner:
            examples = list(self._document.examples())
            for example in examples:
                example.evaluate()
        return len(examples)

    def _run_python(self, example: Example) -> None:
        source = "\n" * (example.line + example.parsed.line_offset) + example.parsed
        code = compile(
            source,
            example.path,
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        example.namespace.setdefault("__name__", "__main__")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self._execute(code, example.namespace)
        self._printed = printed.getvalue()

    def _execute(self, code: CodeType, namespace: dict[str, object]) -> None:
        async def main() -> None:
            result = FunctionType(code, namespace)()
            if asyncio.iscoroutine(result):
                await result

        self._runner.run(main())

    def _compare_text(self, example: Example) -> str | None:
        expected, printed = example.parsed.strip(), self._printed.strip()
        if not matches(expected, printed):
            return f"the page says:\n{expected}\n\nthe snippet printed:\n{printed}"
        return None

    def _run_console(self, example: Example) -> str | None:
        for command, expected in commands(example.parsed):
            done = subprocess.run(  # noqa: S602 - a page of ours says what to run
                command,
                shell=True,
                capture_output=True,
                text=True,
                timeout=60,
                env=environment(),
                check=False,
            )
            shown = done.stdout + done.stderr
            if done.returncode:
                return f"$ {command}\nended with {done.returncode}:\n{shown}"
            if expected and not matches(expected, shown.strip()):
                return f"$ {command}\nthe page says:\n{expected}\n\nit printed:\n{shown}"
        return None


def environment() -> dict[str, str]:
    """Return the environment of a reader who has activated the virtualenv."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block, with the output that follows it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = command[:-1] + more.lstrip("> ")
        yield command, output.strip()


def matches(expected: str, shown: str) -> bool:
    """Return whether *shown* is what *expected* says, `...` standing for anything."""
    lines = [_pattern(line.rstrip()) for line in expected.splitlines()]
    present = "\n".join(line.rstrip() for line in shown.splitlines())
    return re.fullmatch("\n".join(lines), present) is not None


def _pattern(line: str) -> str:
    if line.strip() == "...":
        return r"(?:.*\n)*?.*"
    return re.escape(line).replace(r"\.\.\.", ".*")

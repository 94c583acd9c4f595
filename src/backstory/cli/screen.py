"""What goes to the terminal: data on stdout, words on stderr, and nothing that drives the screen.

Events hold what strangers wrote. A control character among it could move the cursor, rename the
window or hide text, so every character that is not plainly visible is written as JSON writes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from backstory.explore.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

_DELETE = b"\x7f"


def visible_json(document: bytes) -> bytes:
    """Return compact JSON that means the same as *document* and can be shown safely."""
    if document.isascii() and _DELETE not in document:
        return document  # JSON itself has no raw control characters below a space
    return visible(document.decode()).encode()


def is_terminal() -> bool:
    """Return whether data goes to a person's screen."""
    return sys.stdout.isatty()


def write_bytes(lines: Iterable[bytes]) -> None:
    """Write *lines*, which are UTF-8, to stdout, each ended; on their way when this returns."""
    out = sys.stdout.buffer
    out.writelines(line + b"\n" for line in lines)
    out.flush()


def write_row(*fields: object) -> None:
    """Write one plain line of tab-separated *fields* to stdout."""
    write_bytes(["\t".join(visible(str(field)) for field in fields).encode("utf-8", "replace")])


def counted(number: int, thing: str) -> str:
    """Return *number* and the *thing* it counts, such as `1 event` or `2 events`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def say(words: str, *, style: str = "dim") -> None:
    """Write *words* for a person to stderr."""
    words = visible(words)
    if sys.stderr.isatty():
        console(stderr=True).print(words, style=style, markup=False, highlight=False)
    else:
        print(words, file=sys.stderr, flush=True)  # noqa: T201 - the one place that prints words


def console(*, stderr: bool = False) -> Console:
    """Return a Rich console that wraps no line and reads no markup in data."""
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)


def print_json(text: str) -> None:
    """Print *text*, indented JSON, in colours that can be read on light and dark screens."""
    from rich.highlighter import JSONHighlighter

    shown = "\n".join(map(visible, text.split("\n")))
    console().print(JSONHighlighter()(shown))


def forget_output() -> None:
    """Throw away what stdout still holds: whoever read it is gone, and nothing may fail on it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

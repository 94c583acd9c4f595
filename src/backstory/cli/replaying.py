"""A bar for replays: the projection that is being replayed, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backstory.cli.progress import progress

if TYPE_CHECKING:
    from backstory.timemachine.asof import Tell


@contextmanager
def replaying(until: int, *, what: str = "replaying") -> Iterator[Tell]:
    """Give what to tell of a replay up to position *until*; a bar shows it to who watches."""
    with progress(what, total=until) as bar:

        def tell(_projection: str, position: int) -> None:
            bar.reach(position)

        yield tell

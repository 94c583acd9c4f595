"""Blaming for a command: what is meant, who is to blame, and showing it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstory.application import Application
from backstory.cli.blame_shown import path_line, row_line, say_row, write_blames
from backstory.cli.columns import column_named, named_values
from backstory.cli.exits import ExitCode
from backstory.cli.fencing import fenced
from backstory.cli.going_back import table_named
from backstory.cli.past import Past, opened_past
from backstory.cli.replaying import replaying
from backstory.cli.screen import say
from backstory.core.errors import InvalidSetting
from backstory.timemachine.blaming.rows import Blamed, Cell, blame_row
from backstory.timemachine.blaming.states import blame_path


class Blaming(msgspec.Struct, frozen=True, kw_only=True):
    """What `blame` was asked; see its options."""

    application: Application
    what: Sequence[str]
    where: Sequence[str]
    stream: str | None
    every: bool
    redeliver: bool
    unfenced: bool
    json: bool

    async def work(
        self, source: str, at: str | None, *, snapshots: str | None, behind: Sequence[str] | None
    ) -> int:
        """Show who is to blame, and return the exit code."""
        cell = self._cell() if self.stream is None else None
        async with opened_past(source, at, snapshots=snapshots, behind=behind) as past:
            if cell is not None:
                return await self._row(past, cell)
            return await self._path(past, self.stream or "")

    def _cell(self) -> Cell:
        if not 1 <= len(self.what) <= 2:  # noqa: PLR2004 - as the message says
            message = (
                "what is to be blamed? Name a table and a column, with --where COLUMN=VALUE for "
                "the row; or --stream NAME and a path into its state"
            )
            raise InvalidSetting(message)
        table = table_named(self.application, self.what[0])
        column = column_named(table, self.what[1]) if self.what[1:] else None
        return Cell(table, named_values(table, self.where), column)

    async def _row(self, past: Past, cell: Cell) -> int:
        with (
            fenced(unfenced=self.unfenced, redeliver=self.redeliver) as replay,
            replaying(past.position) as tell,
        ):
            found = await blame_row(
                self.application,
                past.whole,
                cell,
                past.position,
                every=self.every,
                snapshots=past.snapshots,
                behind=past.behind,
                replay=replay,
                tell=tell,
            )
        for name, failure in found.failures.items():
            say(f"{name} stopped: {failure}", style="bold red")
        if not found.blames:
            self._say_nothing(past, f"no row of {cell.table.name} that fits")
            return ExitCode.FOUND
        self._say_gone(past, cell, found)
        write_blames([row_line(cell.table, each) for each in found.blames], json=self.json)
        return ExitCode.DONE

    def _say_gone(self, past: Past, cell: Cell, found: Blamed) -> None:
        if found.row is None:
            say(f"no row of {cell.table.name} fits at position {past.position}; the last that did:")
            say_row(found.blames[0].row_before or {})

    async def _path(self, past: Past, stream: str) -> int:
        if len(self.what) > 1 or self.where:
            message = f"--stream {stream} is about one path into its state, and takes no --where"
            raise InvalidSetting(message)
        path = self.what[0] if self.what else ""
        found = await blame_path(
            self.application, past.whole, stream, path, past.position, every=self.every
        )
        if not found:
            self._say_nothing(past, f"nothing at {path!r} in the state of {stream}")
            return ExitCode.FOUND
        write_blames([path_line(path, each) for each in found], json=self.json)
        return ExitCode.DONE

    def _say_nothing(self, past: Past, what: str) -> None:
        say(f"nothing to blame: up to position {past.position} there was {what}", style="yellow")

"""Taking snapshots for a command: of a live read model, or of a replay."""

from __future__ import annotations

from pathlib import Path

import msgspec

from backstory.application import Application
from backstory.cli.application import opened_live
from backstory.cli.envelope import json_line, timestamp
from backstory.cli.exits import ExitCode
from backstory.cli.fencing import fenced
from backstory.cli.past import Past, opened_past
from backstory.cli.replaying import replaying
from backstory.cli.screen import counted, say, write_bytes, write_row
from backstory.core.errors import InvalidSetting
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.manifest import Manifest
from backstory.timemachine.snapshots.series import take_series
from backstory.timemachine.snapshots.taking import take_snapshot


class SnapshotLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `snapshot --json` writes of each snapshot, in this order."""

    position: int
    taken_at: str
    projections: int
    rows: int


class Snapshotting(msgspec.Struct, frozen=True, kw_only=True):
    """What `snapshot` was asked to do; see its options."""

    application: Application
    folder: str
    every: int | None
    read_model: str | None
    schema: str
    json: bool

    async def work(self, source: str, at: str | None) -> int:
        """Take them, and return the exit code."""
        if self.read_model is not None and (at is not None or self.every is not None):
            message = (
                "a live read model is taken as it stands: leave --at and --every away, or leave "
                "--read-model away to replay"
            )
            raise InvalidSetting(message)
        folder = Folder(self.folder)
        async with opened_past(source, at, snapshots=self.folder) as past:
            if self.read_model is None:
                await self._replay(past, folder)
            else:
                await self._copy(past, folder, self.read_model)
        return ExitCode.DONE

    async def _copy(self, past: Past, folder: Folder, url: str) -> None:
        async with opened_live(url, self.schema) as model:
            self._tell(await take_snapshot(self.application, past.source.store, model, folder))

    async def _replay(self, past: Past, folder: Folder) -> None:
        with fenced() as replay, replaying(past.position) as tell:
            async with past.session(self.application, replay=replay, tell=tell) as session:
                async for manifest in take_series(session, folder, every=self.every):
                    self._tell(manifest)
        say(f"kept in {Path(self.folder) if '://' not in self.folder else self.folder}")

    def _tell(self, manifest: Manifest) -> None:
        rows = sum(table.rows for one in manifest.projections for table in one.tables)
        line = SnapshotLine(
            position=manifest.position,
            taken_at=timestamp(manifest.taken_at),
            projections=len(manifest.projections),
            rows=rows,
        )
        if self.json:
            write_bytes([json_line(line)])
        else:
            write_row(f"position {line.position}", counted(rows, "row"))

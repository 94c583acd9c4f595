"""A capture that was made, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import json_line
from backstory.cli.screen import counted, say, write_bytes, write_row

if TYPE_CHECKING:
    from backstory.timemachine.captures.manifest import CaptureManifest
    from backstory.timemachine.captures.writing import Captured

_UNITS = ("bytes", "KiB", "MiB", "GiB")
_STEP = 1024


class CaptureLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `capture --json` writes, in this order."""

    file: str
    sha256: str
    position: int
    events: int
    streams: int
    scrubbed: bool
    bytes: int


def write_capture_line(captured: Captured, *, json: bool) -> None:
    """Write where the capture is and its hash."""
    kept = captured.manifest.range
    if json:
        line = CaptureLine(
            file=str(captured.path),
            sha256=captured.sha256,
            position=captured.manifest.position,
            events=kept.events,
            streams=kept.streams,
            scrubbed=captured.manifest.scrubbed is not None,
            bytes=captured.path.stat().st_size,
        )
        write_bytes([json_line(line)])
    else:
        write_row(captured.path, captured.sha256)


def say_capture(captured: Captured) -> None:
    """Say what is in the capture, and what to do with it."""
    for line in contents(captured.manifest):
        say(f"  {line}")
    say(f"  {size(captured.path.stat().st_size)}")
    say(f"reproduce it anywhere: backstory reproduce {captured.path}")


def contents(manifest: CaptureManifest) -> list[str]:
    """Return what a capture holds, a line each."""
    kept = manifest.range
    what = f"{counted(kept.events, 'event')} of {counted(kept.streams, 'stream')}"
    lines = [f"{what}, from position {kept.first_position} to {kept.last_position}"]
    if manifest.snapshot is not None:
        lines.append(f"the snapshot at position {manifest.snapshot}")
    lines += [f"{name} had come to position {at}" for name, at in manifest.behind.items()]
    if manifest.parked:
        lines.append(counted(len(manifest.parked), "parked event"))
    revision = manifest.code.revision
    if revision is not None:
        changed = ", with changes" if manifest.code.changed else ""
        lines.append(f"code revision {revision[:12]}{changed}")
    if manifest.scrubbed is not None:
        lines.append("personal data replaced by pseudonyms")
    return lines


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    value, unit = float(count), 0
    while value >= _STEP and unit + 1 < len(_UNITS):
        value, unit = value / _STEP, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"

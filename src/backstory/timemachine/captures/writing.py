"""Making a capture: the slice, what belongs to the moment, and the hash of it all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import msgspec

import backstory
from backstory.application import Application
from backstory.core import encoding
from backstory.core.clock import Clock, system_clock
from backstory.core.errors import CaptureRefused, InvalidInput
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.read import Read
from backstory.stores.sqlite.transcript import Transcript
from backstory.timemachine.asof import NOBODY
from backstory.timemachine.captures import archive
from backstory.timemachine.captures.code import CodeVersion, code_version
from backstory.timemachine.captures.hashing import RangeHash
from backstory.timemachine.captures.manifest import (
    FORMAT,
    CaptureManifest,
    Judged,
    KeptFile,
    KeptParked,
    Range,
    Scrubbed,
    dump_manifest,
    sha256_of,
)
from backstory.timemachine.captures.scrubbing import Scrubbing
from backstory.timemachine.captures.slice import Slice
from backstory.timemachine.captures.slices import Choice, chosen_events
from backstory.timemachine.incidents.incident import Incident
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.manifest import mistrust
from backstory.timemachine.snapshots.restoring import nearest

Told = Callable[[int], None]
"""Is told, page after page, up to which position the events are written."""


class Captured(msgspec.Struct, frozen=True):
    """A capture that was made: its file, what it says, and the SHA-256 that stands for it all."""

    path: Path
    manifest: CaptureManifest
    sha256: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a capture is to hold beside the history up to its end.

    `target` is the application as `package.module:name`, `behind` and `parked` are how projections
    stood at the moment, `fails` is the check that fails there, `incident` the failure that
    was recorded.
    """

    target: str | None = None
    choice: Choice = Choice()
    behind: Mapping[str, int] = MappingProxyType({})
    parked: Sequence[KeptParked] = ()
    snapshots: Folder | None = None
    scrubbing: Scrubbing | None = None
    fails: Judged | None = None
    incident: Incident | None = None
    code: CodeVersion | None = None


async def write_capture(
    application: Application,
    history: History,
    path: Path,
    wanted: Wanted,
    *,
    told: Told | None = None,
    clock: Clock = system_clock,
) -> Captured:
    """Write what is *wanted* of *history* to a new file at *path*, and return what was written.

    The file is a SQLite event store with the positions, revisions, ids and times of the source. It
    appears under its name when it is complete and durable, else not at all. The source is only
    read, page by page.

    Raises `InvalidInput` when *path* exists, `CaptureRefused` for a slice that is empty or too
    large, or a snapshot that cannot be scrubbed, `StoreUnavailable` when the file cannot be
    written, and what reading the source raises.
    """
    _check(path, wanted)
    with _appearing(path) as part, Transcript(part) as transcript:
        archive.add_tables(transcript.connection)
        kept = await _copy(history, transcript, wanted, told)
        files, snapshot = await _snapshot(history, transcript, wanted)
        manifest = _manifest(application, history, wanted, kept, clock)
        manifest = msgspec.structs.replace(manifest, files=files, snapshot=snapshot)
        document = dump_manifest(manifest)
        sha256 = sha256_of(document)
        documents = {archive.MANIFEST: document, archive.SHA256: sha256.encode()}
        archive.put_documents(transcript.connection, documents)
    return Captured(path, manifest, sha256)


def _check(path: Path, wanted: Wanted) -> None:
    if path.exists():
        message = f"{path} exists already; choose another name or remove it"
        raise InvalidInput(message)
    if wanted.scrubbing is not None and wanted.choice.slice is Slice.RECENT:
        message = (
            "a snapshot holds rows as they were, which cannot be scrubbed; take --slice all or "
            "related, or keep personal data with --no-scrub"
        )
        raise CaptureRefused(message)


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """Give the name of a file that gets the name *path* at the end, and is removed on an error."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        yield part
        os.link(part, path)  # unlike renaming, it takes nobody's place
    except FileExistsError as error:
        message = f"{path} exists already; choose another name or remove it"
        raise InvalidInput(message) from error
    finally:
        for end in ("", "-journal", "-wal", "-shm"):
            part.with_name(part.name + end).unlink(missing_ok=True)


class _Kept(msgspec.Struct):
    """What was copied: the range, and the last event as it stands in the file."""

    source: RangeHash
    copy: RangeHash
    streams: set[str]
    first: int = 0
    last: RecordedEvent | None = None


async def _copy(
    history: History, transcript: Transcript, wanted: Wanted, told: Told | None
) -> _Kept:
    kept = _Kept(RangeHash(), RangeHash(), set())
    scrubbing = wanted.scrubbing
    async for page in chosen_events(history, wanted.choice):
        copied = page if scrubbing is None else [scrubbing.event(event) for event in page]
        await asyncio.to_thread(_write, transcript, kept, page, copied)
        if told is not None:
            told(page[-1].position)
    if kept.last is None:
        message = "there is no event in the slice, so there is nothing to capture"
        raise CaptureRefused(message)
    return kept


def _write(
    transcript: Transcript,
    kept: _Kept,
    page: Sequence[RecordedEvent],
    copied: Sequence[RecordedEvent],
) -> None:
    kept.source.add(page)
    kept.copy.add(copied)
    kept.streams.update(event.stream for event in copied)
    kept.first = kept.first or page[0].position
    kept.last = copied[-1]
    transcript.add(copied)


async def _snapshot(
    history: History, transcript: Transcript, wanted: Wanted
) -> tuple[tuple[KeptFile, ...], int | None]:
    """Put the nearest snapshot into the file, where it may be there and is of use."""
    folder, choice = wanted.snapshots, wanted.choice
    if folder is None or wanted.scrubbing is not None or choice.slice is Slice.RELATED:
        return (), None
    until = min(history.until, *wanted.behind.values()) if wanted.behind else history.until
    manifest = await nearest(folder, history.up_to(until))
    if manifest is None:
        return (), None
    with TemporaryDirectory(prefix="backstory-") as directory:
        copies = await asyncio.to_thread(folder.copy_out, manifest.position, Path(directory))
        files = tuple(
            archive.put_file(transcript.connection, f"{copy.parent.name}/{copy.name}", copy)
            for copy in copies
        )
    return files, manifest.position


def _manifest(
    application: Application, history: History, wanted: Wanted, kept: _Kept, clock: Clock
) -> CaptureManifest:
    last, scrubbing = kept.last, wanted.scrubbing
    assert last is not None  # noqa: S101 - an empty slice was refused
    fails = wanted.fails
    if fails is not None and scrubbing is not None:
        fails = msgspec.structs.replace(fails, words=scrubbing.text(fails.words))
    return CaptureManifest(
        format=FORMAT,
        backstory=backstory.__version__,
        application=application.name,
        target=wanted.target,
        origin=history.origin,
        captured_at=clock(),
        position=history.until,
        event_id=str(last.id),
        recorded_at=last.recorded_at,
        range=_range(kept, last, wanted.choice),
        behind=dict(wanted.behind),
        parked=tuple(_scrubbed(parked, scrubbing) for parked in wanted.parked),
        snapshot=None,
        files=(),
        code=wanted.code or code_version(),
        fingerprints={one.name: one.fingerprint for one in application.projections},
        fails=fails,
        incident=_without_personal_data(wanted.incident, scrubbing),
        scrubbed=None
        if scrubbing is None
        else Scrubbed(policy=scrubbing.policy, key=scrubbing.key),
    )


def _range(kept: _Kept, last: RecordedEvent, choice: Choice) -> Range:
    return Range(
        slice=choice.slice,
        events=kept.copy.count,
        streams=len(kept.streams),
        first_position=kept.first,
        last_position=last.position,
        source_sha256=kept.source.hexadecimal,
        sha256=kept.copy.hexadecimal,
        correlation=choice.correlation,
        categories=choice.categories,
    )


def _without_personal_data(
    incident: Incident | None, scrubbing: Scrubbing | None
) -> Incident | None:
    if incident is None or scrubbing is None:
        return incident
    command = incident.command
    if command is not None:
        command = msgspec.structs.replace(
            command,
            stream=scrubbing.stream(command.stream),
            fields=msgspec.Raw(
                encoding.encode(_texts(encoding.decode(bytes(command.fields)), scrubbing))
            ),
        )
    return msgspec.structs.replace(
        incident,
        command=command,
        message=scrubbing.text(incident.message),
        traceback=scrubbing.text(incident.traceback),
    )


def _texts(value: object, scrubbing: Scrubbing) -> object:
    """Return *value* with every text in it treated; numbers decide, so they stay."""
    if isinstance(value, str):
        return scrubbing.value(value)
    if isinstance(value, list):
        return [_texts(inner, scrubbing) for inner in value]
    if isinstance(value, dict):
        return {name: _texts(inner, scrubbing) for name, inner in value.items()}
    return value


def _scrubbed(parked: KeptParked, scrubbing: Scrubbing | None) -> KeptParked:
    if scrubbing is None:
        return parked
    return msgspec.structs.replace(
        parked, stream=scrubbing.stream(parked.stream), error=scrubbing.text(parked.error)
    )


async def slice_since(
    application: Application,
    history: History,
    folder: Folder | None,
    behind: Mapping[str, int] = NOBODY,
) -> int:
    """Return the position from which on events are needed beside the nearest snapshot.

    That is where its slowest projection goes on: one that stopped had come no further than the
    event that it stopped at. Raises `CaptureRefused` when there is no snapshot before what those
    that lagged (*behind*) had applied, and when a projection could not begin with it.
    """
    until = min(history.until, *behind.values()) if behind else history.until
    manifest = None if folder is None else await nearest(folder, history.up_to(until))
    if manifest is None:
        message = (
            "a recent slice begins with a snapshot, and there is none before the moment; take "
            "some with `backstory snapshot`, and name their folder with --snapshots"
        )
        raise CaptureRefused(message)
    for name, reason in mistrust(manifest, application, application.projections).items():
        message = (
            f"{name!r} cannot begin with the snapshot at position {manifest.position} ({reason}), "
            "and a recent slice does not hold its first events; take a new snapshot, or --slice all"
        )
        raise CaptureRefused(message)
    return min(manifest.position, *(at for one in manifest.projections for at in one.positions))


async def streams_of(history: History, events: Sequence[RecordedEvent]) -> tuple[str, ...]:
    """Return the streams of *events* and of the event at the end of *history*, each once."""
    page = await history.read(Read(after=history.until - 1, limit=1))
    return tuple(dict.fromkeys(event.stream for event in (*events, *page)))

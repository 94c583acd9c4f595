"""What a capture says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from backstory.core.errors import CaptureDamaged
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.captures.code import CodeVersion
from backstory.timemachine.captures.slice import Slice
from backstory.timemachine.incidents.incident import Incident

FORMAT: Final = 1


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """The events in the file, and those of the source that they are.

    `source_sha256` is the `RangeHash` of the events as the source has them, `sha256` of those in
    the file; they differ where personal data was scrubbed. `streams` and `categories` are what the
    slice was asked to hold beyond the correlation, in full.
    """

    slice: Slice
    events: int
    streams: int
    first_position: int
    last_position: int
    source_sha256: str
    sha256: str
    correlation: str | None = None
    categories: tuple[str, ...] = ()


class KeptParked(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a projection had set aside at the moment."""

    projection: str
    position: int
    stream: str
    type: str
    error: str
    attempts: int


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the starting snapshot, held inside the capture."""

    name: str
    size: int
    sha256: str


class Scrubbed(msgspec.Struct, frozen=True, kw_only=True):
    """How personal data was treated: the policy's hash, and which key (never the key itself)."""

    policy: str
    key: str


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """How a check stood when the capture was made."""

    check: str
    verdict: Verdict
    words: str


class CaptureManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One capture: where it is from, the moment it is about, and the hash of everything in it.

    `behind` says how far projections had come that lagged at the moment; `fingerprints` what their
    code meant. `target` is the application as `package.module:name`. The recorded inputs of
    handlers and deciders (time, ids, correlation) stand in the events themselves; `captured_at` is
    the time that the machine had.
    """

    format: int
    backstory: str
    application: str
    target: str | None
    origin: str
    captured_at: datetime
    position: int
    event_id: str | None
    recorded_at: datetime | None
    range: Range
    behind: Mapping[str, int]
    parked: tuple[KeptParked, ...]
    snapshot: int | None
    files: tuple[KeptFile, ...]
    code: CodeVersion
    fingerprints: Mapping[str, str]
    fails: Judged | None
    incident: Incident | None
    scrubbed: Scrubbed | None


def dump_manifest(manifest: CaptureManifest) -> bytes:
    """Return *manifest* as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)


def load_manifest(document: bytes, place: str) -> CaptureManifest:
    """Return the manifest in *document*; raises `CaptureDamaged`, naming *place*."""
    try:
        found = msgspec.json.decode(document).get("format")
        if found != FORMAT:
            message = (
                f"{place} is a capture of format {found}; this Backstory reads format {FORMAT}. "
                "Use the Backstory that made it."
            )
            raise CaptureDamaged(message)
        return msgspec.json.decode(document, type=CaptureManifest)
    except (msgspec.DecodeError, AttributeError) as error:
        message = f"{place}: what the capture says of itself cannot be read: {error}"
        raise CaptureDamaged(message) from error


def sha256_of(document: bytes) -> str:
    """Return the SHA-256 of a manifest, which stands for the whole capture."""
    return hashlib.sha256(document).hexdigest()

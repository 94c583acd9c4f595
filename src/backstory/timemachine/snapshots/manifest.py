"""What a snapshot says of itself, and whether it can be trusted today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from backstory.application import Application
from backstory.core.errors import SnapshotDamaged
from backstory.projections.fingerprint import meaning_of_events
from backstory.projections.projection import Projection

FORMAT: Final = 1


class KeptTable(msgspec.Struct, frozen=True):
    """The rows of one table: their file, how many they are, its SHA-256.

    `numbered` is the highest number that the database gave to a row of its own accord, None where
    it gives none or has not kept it.
    """

    name: str
    file: str
    rows: int
    sha256: str
    numbered: int | None = None


class KeptProjection(msgspec.Struct, frozen=True):
    """A projection: what its code meant, what each partition had applied, its tables, its parked.

    `code` covers the projection with its handlers and tables, `events` the types it follows with
    their upcasters.
    """

    name: str
    code: str
    events: str
    positions: tuple[int, ...]
    tables: tuple[KeptTable, ...]
    parked: KeptTable


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One snapshot: all of it is as of `position`, at which the event `event_id` stands."""

    format: int
    application: str
    position: int
    event_id: str
    taken_at: datetime
    backstory: str
    projections: tuple[KeptProjection, ...]


def dump_manifest(manifest: Manifest) -> bytes:
    """Return *manifest* as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def load_manifest(data: bytes, place: str) -> Manifest:
    """Return the manifest in *data*; raises `SnapshotDamaged`, naming *place*, when it is none."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        message = f"{place} is no manifest of a snapshot, or was damaged: {error}"
        raise SnapshotDamaged(message) from error
    if manifest.format != FORMAT:
        message = (
            f"{place} has format {manifest.format}; this Backstory reads format {FORMAT}. Use the "
            "Backstory that wrote it, or take the snapshot again."
        )
        raise SnapshotDamaged(message)
    return manifest


def mistrust(
    manifest: Manifest, application: Application, projections: Sequence[Projection]
) -> Mapping[str, str]:
    """Return, for each of *projections* that must be replayed from the start, the reason."""
    return dict(_reasons(manifest, application, projections))


def _reasons(
    manifest: Manifest, application: Application, projections: Sequence[Projection]
) -> Iterator[tuple[str, str]]:
    kept = {projection.name: projection for projection in manifest.projections}
    for projection in projections:
        there = kept.get(projection.name)
        if there is None:
            yield projection.name, "it is not in the snapshot"
        elif there.code != projection.fingerprint:
            yield projection.name, "its handlers or tables have changed since"
        elif there.events != meaning_of_events(application.schema, projection.handlers):
            yield projection.name, "the event types it follows, or their upcasters, have changed"
        elif len(there.positions) != projection.partitions:
            yield projection.name, "its number of partitions has changed"

"""Where a history is from: a store at a URL, or the file of a capture."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

import msgspec

from backstory.core.store import EventStore
from backstory.stores.open import open_store
from backstory.timemachine.captures.manifest import CaptureManifest
from backstory.timemachine.captures.opening import is_capture, open_capture
from backstory.timemachine.snapshots.folder import Folder

_WITH_MODES = ("sqlite:", "postgresql:", "postgres:")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A store that is only read, and what is known beside its events.

    `origin` names it for people, without a password. `snapshots` are its own, if it brings some.
    `behind` says which projections had applied less than everything, and up to which position.
    `at` is the position that it is about, None: wherever it ends; `manifest` what a capture says.
    """

    store: EventStore
    origin: str
    snapshots: Folder | None = None
    behind: Mapping[str, int] = MappingProxyType({})
    at: int | None = None
    manifest: CaptureManifest | None = None


@asynccontextmanager
async def open_source(place: str) -> AsyncIterator[Source]:
    """Give the source at *place*, to be read alone, and close it afterwards.

    *place* is a store's URL, or the file of a capture: its path, `capture:///path`, or the
    `sqlite:` URL of it. A capture brings its own snapshot, and how far projections had come.
    Nothing is created or written there. Raises what opening a store or a capture raises.
    """
    file = _capture_file(place)
    if file is not None:
        async with open_capture(file) as capture:
            yield Source(
                store=capture.store,
                origin=str(file),
                snapshots=None if capture.snapshots is None else Folder(str(capture.snapshots)),
                behind=capture.manifest.behind,
                at=capture.manifest.position,
                manifest=capture.manifest,
            )
        return
    store = await open_store(read_only(place))
    try:
        yield Source(store=store, origin=without_password(place))
    finally:
        await store.close()


def _capture_file(place: str) -> Path | None:
    """Return the file that *place* names when that is a capture."""
    if place.startswith("capture:"):
        return Path(_path_in(place))
    if "://" not in place and not place.startswith("memory:"):
        return Path(place)
    if place.startswith("sqlite:"):
        file = Path(_path_in(place))
        return file if is_capture(file) else None
    return None


def _path_in(url: str) -> str:
    path = unquote(urlsplit(url).path)
    return path.removeprefix("/") if "://" in url else path


def read_only(url: str) -> str:
    """Return *url* asking for a store that is there already, and for no right to write."""
    if not url.startswith(_WITH_MODES):
        return url
    place, _, query = url.partition("?")
    settings = [item for item in query.split("&") if item and not item.startswith("mode=")]
    return f"{place}?{'&'.join([*settings, 'mode=ro'])}"


def without_password(url: str) -> str:
    """Return *url* as it may be shown to anybody."""
    password = urlsplit(url).password
    return url if password is None else url.replace(f":{password}@", ":***@")

"""SQLite's errors in our words. No apsw error leaves this folder but as a `__cause__`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from backstory.core.errors import (
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)


def translated_error(error: apsw.Error, path: Path) -> StoreError:
    """Return the `StoreError` that says what *error* means for the store at *path*."""
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreBusy()
    if isinstance(error, apsw.FullError):
        return StoreFull()
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return StoreDamaged(
            f"{path} is damaged or not a Backstory store ({error}). Keep a copy of the file, run "
            f"`backstory verify sqlite:///{path}` to see what is lost, and restore a backup."
        )
    if isinstance(error, apsw.ReadOnlyError | apsw.PermissionsError | apsw.AuthError):
        return StoreReadOnly(
            f"{path} cannot be written ({error}). SQLite also writes beside it, so both the file "
            "and its directory must be writable."
        )
    if isinstance(error, apsw.CantOpenError):
        return _cannot_open(path, error)
    return StoreUnavailable(f"{path}: {error}. Nothing was stored; try again.")


def _cannot_open(path: Path, error: apsw.Error) -> StoreError:
    if path.is_dir():
        return StoreUnavailable(f"{path} is a directory; name a file in it.")
    if not path.parent.is_dir():
        return StoreUnavailable(f"{path.parent} is no directory; make it first.")
    if not path.exists():
        return StoreUnavailable(
            f"{path} does not exist or cannot be created ({error}). Check the name and the rights."
        )
    return StoreReadOnly(
        f"{path} cannot be opened ({error}); check the rights of file and directory."
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn apsw's errors inside the block into ours."""
    try:
        yield
    except apsw.Error as error:
        raise translated_error(error, path) from error

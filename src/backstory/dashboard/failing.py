"""What a page says when it cannot be shown."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec
from litestar.exceptions import HTTPException

from backstory.core.errors import (
    BackstoryError,
    InvalidInput,
    StoreClosed,
    StoreUnavailable,
)


class NotThere(LookupError):
    """What was asked for is not in the store."""


class Failed(msgspec.Struct, frozen=True):
    """Why there is no page: in a title and in a sentence."""

    status: int
    title: str
    message: str


_KINDS: Final[tuple[tuple[type[Exception], HTTPStatus, str], ...]] = (
    (NotThere, HTTPStatus.NOT_FOUND, "Not there"),
    (InvalidInput, HTTPStatus.BAD_REQUEST, "That cannot be asked"),
    (StoreUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "The store cannot be reached"),
    (StoreClosed, HTTPStatus.SERVICE_UNAVAILABLE, "The store is closed"),
    (BackstoryError, HTTPStatus.INTERNAL_SERVER_ERROR, "The store cannot answer"),
)


def failed(error: Exception) -> Failed:
    """Return what is said of *error*; nothing of its inside when it is none of ours."""
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return Failed(HTTPStatus.NOT_FOUND, "Not there", "There is no such page.")
        phrase = HTTPStatus(error.status_code).phrase
        return Failed(error.status_code, phrase, "This page is read with GET.")
    for kind, status, title in _KINDS:
        if isinstance(error, kind):
            return Failed(status, title, str(error))
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Failed(status, "Something broke", "The log of the server says what happened.")

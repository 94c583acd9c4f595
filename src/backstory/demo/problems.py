"""Errors as answers: RFC 9457 problem details for everything that can go wrong.

class of error            status  type
a name, a body, a header  4xx     what the caller can mend
the log, the disk         503     try again later; nothing was written
OutcomeUnknown            503     it may have been written; ask before trying again
anything else             500     a fault of ours; the log has the details
"""

from __future__ import annotations

import http
import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.response import Response

from backstory import (
    CaughtUpTimeout,
    OutcomeUnknown,
    ReadModelUnavailable,
    StoreError,
    TooManyConflicts,
)
from backstory.demo.decider import NoSuchUser, UserExists
from backstory.demo.users import KeyReused, NoHistory, NoSuchPosition, PreconditionFailed

MEDIA_TYPE: Final = "application/problem+json"
_log = logging.getLogger("backstory.demo")
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, for programs (`type`, `status`) and people (`title`, `detail`)."""

    type: str
    title: str
    status: int
    detail: str


class Refused(Exception):
    """A request that is refused, with the problem to answer."""

    status: int
    kind: str
    detail: str
    headers: Mapping[str, str]

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        """Answer *status* with a problem of the type `urn:backstory:problem:` + *kind*."""
        super().__init__(detail)
        self.status, self.kind, self.detail, self.headers = status, kind, detail, headers


_LATER: Final = MappingProxyType({"retry-after": "1"})

_REFUSALS: Final[Mapping[type[Exception], tuple[int, str, str]]] = MappingProxyType(
    {
        UserExists: (409, "user-exists", "there is a user of this name already"),
        NoSuchUser: (404, "no-such-user", "there is no user of this name"),
        TooManyConflicts: (409, "too-many-conflicts", "others kept changing this user; try again"),
        PreconditionFailed: (
            412,
            "precondition-failed",
            "the user has changed since the ETag you sent; GET it again",
        ),
        NoHistory: (404, "no-history", "the normal approach keeps no past to answer from"),
        KeyReused: (422, "key-reused", "this Idempotency-Key belongs to another request"),
        OutcomeUnknown: (
            503,
            "outcome-unknown",
            "the store's answer was lost: repeat with your Idempotency-Key, or GET the user first",
        ),
        CaughtUpTimeout: (503, "not-caught-up", "the read model has not got there yet; try again"),
        StoreError: (503, "store-unavailable", "the store cannot be used now; nothing was written"),
        ReadModelUnavailable: (503, "read-model-unavailable", "the read model cannot be read now"),
    }
)


def refusal_of(error: Exception) -> Refused:
    """Return what to answer for *error*; what nobody expected is logged and answered with 500."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, NoSuchPosition):
        return Refused(400, "no-such-position", str(error))
    if isinstance(error, HTTPException) and error.status_code < http.HTTPStatus(500):
        return _of_framework(error)
    for kind, (status, name, detail) in _REFUSALS.items():
        if isinstance(error, kind):
            later = status == http.HTTPStatus.SERVICE_UNAVAILABLE
            if later:
                _log.warning("%s: %s", name, error)
            return Refused(status, name, detail, _LATER if later else _NO_HEADERS)
    _log.error("a request failed", exc_info=error)
    return Refused(500, "internal-error", "a fault of the service; its log says more")


def _of_framework(error: HTTPException) -> Refused:
    phrase = http.HTTPStatus(error.status_code).phrase
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return Refused(error.status_code, phrase.lower().replace(" ", "-"), error.detail, headers)


def answer(_request: Request[None, None, State], error: Exception) -> Response[Problem]:
    """Return the problem details of *error*."""
    refused = refusal_of(error)
    problem = Problem(
        f"urn:backstory:problem:{refused.kind}",
        http.HTTPStatus(refused.status).phrase,
        refused.status,
        refused.detail,
    )
    return Response(
        problem,
        status_code=refused.status,
        headers=dict(refused.headers),
        media_type=MEDIA_TYPE,
    )


handlers: Final[dict[int | type[Exception], Callable[..., Response[Problem]]]] = {
    HTTPException: answer,
    Exception: answer,
}
"""Litestar's table of what answers which error."""

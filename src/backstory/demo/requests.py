"""Reading requests: bodies and headers, each fault answered with what to mend."""

from __future__ import annotations

import json
import re
from typing import Final, Generic, TypeVar
from uuid import UUID, uuid5

import msgspec
from litestar import Request
from litestar.datastructures import State

from backstory.demo.names import RULES, FullName, Username, is_username
from backstory.demo.problems import Refused

POSITION: Final = "Backstory-Position"
"""The header that says up to which position of the log something was written, or is to be seen."""

MAX_BODY: Final = 16 * 1024
"""Largest request body, in bytes; the largest good one has far less."""

MAX_PAGE: Final = 500
"""Most things one page shows."""

MAX_POSITION: Final = 2**53 - 1
"""Largest position or id that is taken: the largest integer every JSON reader keeps exactly."""

Asked = Request[None, None, State]
T = TypeVar("T", bound=msgspec.Struct)

_KEYS: Final = UUID("4a4b6d0e-6a5e-5b0e-8f0c-0d1f5a2f6c11")
_FIELD: Final = re.compile(r" - at `\$\.(\w+)`$")
_KEY: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
_NUMBER: Final = re.compile(r"-?[0-9]{1,16}")
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_NO_REVISION: Final = 2**62
"""A revision that no user ever has."""


class NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /users`."""

    username: Username
    fullName: FullName  # noqa: N815 - the name in the request


class NewName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PATCH /users/{username}`."""

    fullName: FullName  # noqa: N815 - the name in the request


class Body(Generic[T]):
    """Reads JSON bodies of one shape."""

    def __init__(self, shape: type[T]) -> None:
        """Read bodies that are a *shape*, a Struct whose fields are all required."""
        self._decoder = msgspec.json.Decoder(shape)
        self._members = len(msgspec.structs.fields(shape))

    async def read(self, request: Asked) -> T:
        """Return the body of *request*; raises `Refused`: 400, 413, 415, 422."""
        _check_media_type(header(request, b"content-type"))
        body = await _body(request)
        try:
            value = self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise Refused(422, "invalid-field", _in_words(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            detail = f"the body is not JSON in UTF-8: {error}"
            raise Refused(400, "malformed-json", detail) from error
        # A member given twice makes one colon too many; a colon in a name does so as well.
        if body.count(b":") != self._members:
            json.loads(body, object_pairs_hook=_once)
        return value


async def _body(request: Asked) -> bytes:
    """Return the bytes of the body; refuses one that is too large before all of it is here."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise Refused(400, "incomplete-body", "the connection ended within the body")
        chunks.append(message["body"])
        size += len(message["body"])
        more = message["more_body"]
        if size > MAX_BODY:
            detail = f"a body has at most {MAX_BODY:,} bytes"
            raise Refused(413, "content-too-large", detail, {"connection": "close"})
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _check_media_type(given: str | None) -> None:
    kind = (given or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        shown = f"not {kind!r}" if kind else "and say so"
        detail = f"send the body as content-type application/json, {shown}"
        raise Refused(415, "unsupported-media-type", detail, {"accept": "application/json"})


def _in_words(error: msgspec.ValidationError) -> str:
    message = str(error)
    field = _FIELD.search(message)
    if field is None:
        return message
    name = field.group(1)
    if message.startswith(("Expected `str` matching", "Expected `str` of length")):
        return f"{name} must be {RULES[name]}"
    return f"{name}: {message[: field.start()]}"


def _once(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise Refused(400, "duplicate-member", f"the body has the member {name!r} twice")


def username_in(request: Asked) -> str:
    """Return the username in the path; raises `Refused` when nobody can be called so."""
    name: str = request.scope["path_params"]["username"]
    if not is_username(name):
        detail = f"there is no such user: a username is {RULES['username']}"
        raise Refused(404, "no-such-user", detail)
    return name


def header(request: Asked, name: bytes) -> str | None:
    """Return the header called *name* (in lower case), None when it was not sent."""
    for key, value in request.scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


def position_in(request: Asked) -> int | None:
    """Return the position the caller wants to see; raises `Refused` when it is none."""
    given = header(request, _POSITION_NAME)
    if given is None:
        return None
    return position_of(given, POSITION)


def position_of(text: str, what: str) -> int:
    """Return the position that *text* names; raises `Refused` when it names none."""
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_POSITION))
    if not digits or int(text) > MAX_POSITION:
        raise Refused(400, "invalid-position", f"{what} is a position: a number from 0 up")
    return int(text)


def number_in(request: Asked, name: str, *, least: int, most: int, default: int) -> int:
    """Return the query parameter *name*; raises `Refused` when it is no number in the range."""
    given: str | None = request.query_params.get(name)
    if given is None:
        return default
    if not _NUMBER.fullmatch(given) or not least <= int(given) <= most:
        detail = f"{name} is a number from {least} to {most}"
        raise Refused(400, "invalid-parameter", detail)
    return int(given)


def revision_in(request: Asked) -> int | None:
    """Return the revision that `If-Match` asks for, None when any will do.

    Raises `Refused` when the header is not one ETag or `*`.
    """
    given = header(request, b"if-match")
    if given is None or given.strip() == "*":
        return None
    tag = given.strip()
    if not _ETAG.fullmatch(tag):
        raise Refused(400, "invalid-if-match", 'If-Match is one ETag such as "3", or *')
    digits = tag[1:-1]
    # A tag that we never gave, and a weak one, is a well-formed question whose answer is no.
    short = len(digits) < len(str(_NO_REVISION))
    ours = short and digits.isdigit() and digits == str(int(digits))
    return int(digits) if ours else _NO_REVISION


def key_in(request: Asked) -> UUID | None:
    """Return the id that `Idempotency-Key` stands for; raises `Refused` when it is none."""
    given = header(request, b"idempotency-key")
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        detail = "Idempotency-Key is 1 to 255 visible ASCII characters"
        raise Refused(400, "invalid-idempotency-key", detail)
    return uuid5(_KEYS, given)


_POSITION_NAME: Final = POSITION.lower().encode()

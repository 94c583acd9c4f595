"""Requests that change something have a correlation, whoever sent them, under any framework."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TypeAlias
from uuid import UUID

import pytest

from backstory.core.ambient import correlation
from backstory.telemetry.requests import CorrelationMiddleware

Message: TypeAlias = MutableMapping[str, object]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

NEW = UUID(int=7)


async def receive() -> Message:
    """Return an empty body."""
    return {"type": "http.request", "body": b""}


async def app(scope: Message, _receive: object, send: Send) -> None:
    """Answer with the correlation that it runs in."""
    await asyncio.sleep(0)
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"etag", b"1")]})
    await send({"type": "http.response.body", "body": str(correlation()).encode()})


async def answer(method: str, headers: Headers, *, header: str = "X-Request-Id") -> list[Message]:
    """Return what the application behind the middleware answers."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    stand = CorrelationMiddleware(app, header=header, ids=lambda: NEW)
    await stand({"type": "http", "method": method, "headers": headers}, receive, send)
    return sent


async def test_the_callers_id_is_taken_over_and_named_in_the_answer() -> None:
    """Whoever calls can find what came of it."""
    start, body = await answer("POST", [(b"x-request-id", b"abc-1")])
    assert body["body"] == b"abc-1"
    assert start["headers"] == [(b"etag", b"1"), (b"x-request-id", b"abc-1")]


@pytest.mark.parametrize(
    "given",
    [b"", b"two words", b"line\nfeed", b"x" * 129, "ä".encode(), b"\0"],
    ids=["empty", "space", "line", "long", "no-ascii", "nul"],
)
async def test_an_id_that_is_none_is_replaced(given: bytes) -> None:
    """It ends up in events, log lines and headers, where it must do no harm."""
    start, body = await answer("POST", [(b"x-request-id", given)])
    assert body["body"] == str(NEW).encode()
    assert (b"x-request-id", str(NEW).encode()) in list(start["headers"])  # type: ignore[call-overload]  # ASGI promises pairs


async def test_a_request_without_an_id_gets_a_new_one() -> None:
    """Most callers send none."""
    _, body = await answer("PATCH", [(b"x-correlation-id", b"another header")])
    assert body["body"] == str(NEW).encode()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_request_that_only_reads_passes_as_it_is(method: str) -> None:
    """Nothing is recorded for it, so it need not pay."""
    start, body = await answer(method, [(b"x-request-id", b"abc-1")])
    assert body["body"] == b"None"
    assert start["headers"] == [(b"etag", b"1")]


async def test_requests_served_at_once_keep_their_own() -> None:
    """The correlation belongs to the request, not to the process."""
    names = [b"r%d" % number for number in range(20)]
    answers = await asyncio.gather(*(answer("POST", [(b"x-request-id", n)]) for n in names))
    assert [body["body"] for _, body in answers] == names
    assert correlation() is None


async def test_what_is_no_request_passes() -> None:
    """Frameworks send the start and the end of the process through the same door."""
    seen: list[Message] = []

    async def note(scope: Message, _receive: object, _send: object) -> None:
        seen.append(scope)

    async def send(_message: Message) -> None:
        raise AssertionError

    await CorrelationMiddleware(note)({"type": "lifespan"}, receive, send)
    assert seen == [{"type": "lifespan"}]

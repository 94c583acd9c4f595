"""The routes, and how each of them is answered: as a page, or as its twin in JSON."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from litestar.response.base import ASGIResponse

from backstory.core.clock import Clock
from backstory.core.store import EventStore
from backstory.dashboard.asking import Ask, asked
from backstory.dashboard.failing import NotThere, failed
from backstory.dashboard.live import LiveView
from backstory.dashboard.pages.event import event
from backstory.dashboard.pages.events import events
from backstory.dashboard.pages.home import home
from backstory.dashboard.pages.jump import jump
from backstory.dashboard.pages.stream import stream
from backstory.dashboard.pages.streams import streams
from backstory.dashboard.pages.trace import trace
from backstory.dashboard.pages.types import types
from backstory.dashboard.rendering import Frame, render
from backstory.dashboard.static import static_files
from backstory.explore.filters import parse_filter
from backstory.explore.tail import Tail

Request_: TypeAlias = Request[Any, Any, State]
Make: TypeAlias = Callable[[Ask, Request_], Awaitable[tuple[object, Frame]]]

_log: Final = logging.getLogger("backstory.dashboard")
_HTML: Final = "text/html"  # Litestar adds the character set to any text
_JSON: Final = "application/json; charset=utf-8"
_FOR_EVER: Final = {"cache-control": "public, max-age=31536000, immutable"}
_OLD_ADDRESSES: Final = ["/web", "/web/index.html"]


def application(store: EventStore, *, name: str, shown_url: str, clock: Clock) -> Litestar:
    """Return the application; see `backstory.dashboard.dashboard`."""
    tail = Tail(store)

    async def close() -> None:
        await tail.close()

    return Litestar(
        [
            _page(["/", "/index.json"], "home.html", lambda ask, _: home(ask)),
            _page(["/streams", "/streams.json"], "streams.html", lambda ask, _: streams(ask)),
            _page(["/streams/{name:str}"], "stream.html", _stream_by_path),
            _page(["/stream", "/stream.json"], "stream.html", _stream_by_query),
            _page(["/events", "/events.json"], "events.html", lambda ask, _: events(ask)),
            _page(["/events/{named:str}"], "event.html", _event),
            _page(["/trace", "/trace.json"], "trace.html", lambda ask, _: trace(ask)),
            _page(["/types", "/types.json"], "types.html", lambda ask, _: types(ask)),
            _live,
            _jump,
            _old_address,
            _static,
        ],
        state=State(
            {"store": store, "name": name, "shown_url": shown_url, "clock": clock, "tail": tail}
        ),
        exception_handlers={Exception: _answer_failure},
        on_shutdown=[close],
        openapi_config=None,
        logging_config=None,  # logging belongs to the program, not to a page
    )


def _page(paths: list[str], template: str, make: Make) -> HTTPRouteHandler:
    """Return the handler of a page at *paths*."""

    @get(paths, name=template + paths[0])
    async def answer(request: Request_) -> Response[bytes]:
        ask = asked(request)
        model, frame = await make(ask, request)
        if request.scope["path"].endswith(".json"):
            return Response(msgspec.json.encode(model), media_type=_JSON)
        name = request.app.state.name
        return Response(render(template, model, ask, frame, name=name), media_type=_HTML)

    return answer


async def _stream_by_path(ask: Ask, request: Request_) -> tuple[object, Frame]:
    return await stream(ask, str(request.path_params["name"]).removesuffix(".json"))


async def _stream_by_query(ask: Ask, _: Request_) -> tuple[object, Frame]:
    return await stream(ask, ask.text("name"))


async def _event(ask: Ask, request: Request_) -> tuple[object, Frame]:
    return await event(ask, str(request.path_params["named"]).removesuffix(".json"))


@get("/live")
async def _live(request: Request_) -> ASGIResponse:
    ask = asked(request)
    wanted = parse_filter(ask.text("filter"))
    seen = request.headers.get("last-event-id", "")
    position = int(seen) if seen.isdecimal() else ask.number("after")
    if position is None:
        position = await ask.store.head()
    # Any ASGI application may be the answer.
    return LiveView(ask.store, request.app.state.tail, wanted, position, ask.to)  # type: ignore[return-value]  # (as above)


@get("/go")
async def _jump(request: Request_) -> Redirect:
    return Redirect(await jump(asked(request)), status_code=303)


@get(_OLD_ADDRESSES)
async def _old_address(request: Request_) -> Redirect:
    return Redirect(asked(request).to.page("/"))


@get("/static/{file:str}")
async def _static(request: Request_) -> Response[bytes]:
    found = static_files().get(str(request.path_params["file"]))
    if found is None:
        message = "There is no such file."
        raise NotThere(message)
    return Response(found.content, media_type=found.media_type, headers=_FOR_EVER)


def _answer_failure(request: Request_, error: Exception) -> Response[bytes]:
    told = failed(error)
    if told.status >= 500:  # noqa: PLR2004 - from there on it is the server's fault
        _log.error("%s cannot be shown", request.scope["path"], exc_info=error)
    if request.scope["path"].endswith(".json"):
        body = msgspec.json.encode(told)
        return Response(body, media_type=_JSON, status_code=told.status)
    frame = Frame(title=told.title, here="", command="")
    page = render("failed.html", told, asked(request), frame, name=request.app.state.name)
    return Response(page, media_type=_HTML, status_code=told.status)

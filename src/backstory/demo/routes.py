"""HTTP in front of the users: one method for each thing one can ask or do."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from litestar import delete, get, patch, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from backstory.demo import documentation as doc
from backstory.demo.answers import Created, History, Renamed, UserPage
from backstory.demo.problems import Refused
from backstory.demo.requests import (
    MAX_PAGE,
    MAX_POSITION,
    POSITION,
    Asked,
    Body,
    NewName,
    NewUser,
    key_in,
    number_in,
    position_in,
    position_of,
    revision_in,
    username_in,
)
from backstory.demo.responses import Answer, at_position, etag
from backstory.demo.times import moment_of
from backstory.demo.users import Found, Users

_PAGE: Final = 50


class UserRoutes:
    """The handlers of `/users`, for one way of keeping them."""

    def __init__(self, users: Users) -> None:
        """Serve *users*."""
        self._users = users
        self._new_user = Body(NewUser)
        self._new_name = Body(NewName)

    def handlers(self) -> list[HTTPRouteHandler]:
        """Return every handler at its path, with its documentation."""
        users, user = "/users", "/users/{username:str}"
        return [
            _options(users, "GET, POST"),
            _options(user, "DELETE, GET, PATCH"),
            post(users, **doc.create)(self.create),
            get(users, **doc.page)(self.page),
            get(user, **doc.find)(self.find),
            patch(user, **doc.rename)(self.rename),
            delete(user, **doc.delete)(self.delete),
            get(f"{user}/history", **doc.history)(self.history),
        ]

    async def create(self, request: Asked) -> Answer:
        """Create a user; 201 says that the event is on the disk."""
        new = await self._new_user.read(request)
        done = await self._users.create(new.username, new.fullName, key=key_in(request))
        headers = (etag(done.revision), *at_position(done.position))
        return Answer(Created(new.username), *headers, status=201)

    async def find(self, request: Asked) -> Answer:
        """Return a user as it is, or with `as_of` as it was."""
        username = username_in(request)
        await self._wait(request)
        if request.scope["query_string"]:
            as_of = request.query_params.get("as_of")
            if as_of is not None:
                return _shown(await self._users.find_as_of(username, _moment(as_of)))
        return _shown(await self._users.find(username))

    async def rename(self, request: Asked) -> Answer:
        """Rename a user; the same name again changes nothing."""
        username = username_in(request)
        new = await self._new_name.read(request)
        done = await self._users.rename(username, new.fullName, matches=revision_in(request))
        headers = (etag(done.revision), *at_position(done.position))
        return Answer(Renamed(username, new.fullName), *headers)

    async def delete(self, request: Asked) -> Response[None]:
        """Delete a user; what happened to it stays in its history."""
        username = username_in(request)
        done = await self._users.delete(username, matches=revision_in(request))
        headers = {} if done.position is None else {POSITION: str(done.position)}
        return Response(None, headers=headers)

    async def page(self, request: Asked) -> Answer:
        """List users in the order of their ids, page by page, as they are or with `as_of` were."""
        limit = number_in(request, "limit", least=1, most=MAX_PAGE, default=_PAGE)
        after = number_in(request, "after", least=0, most=MAX_POSITION, default=0)
        await self._wait(request)
        as_of = request.query_params.get("as_of")
        if as_of is None:
            found = await self._users.page(after=after, limit=limit)
        else:
            found = await self._users.page_as_of(_moment(as_of), after=after, limit=limit)
        users = list(found)
        more = _link("/users", limit, users[-1].id, as_of) if len(users) == limit else None
        return Answer(UserPage(users, more), *_next(more))

    async def history(self, request: Asked) -> Answer:
        """Tell what happened to a user, from the first event on; also to a deleted one."""
        username = username_in(request)
        limit = number_in(request, "limit", least=1, most=MAX_PAGE, default=_PAGE)
        after = number_in(request, "after", least=-1, most=MAX_POSITION, default=-1)
        events = list(await self._users.history(username, after=after, limit=limit))
        if not events and after < 0:
            raise Refused(404, "no-such-user", "nothing ever happened to a user of this name")
        path = f"/users/{username}/history"
        more = _link(path, limit, events[-1].revision) if len(events) == limit else None
        return Answer(History(events, more), *_next(more))

    async def _wait(self, request: Asked) -> None:
        position = position_in(request)
        if position is not None:
            await self._users.wait_for(position)


def _options(path: str, methods: str) -> HTTPRouteHandler:
    """Return what answers OPTIONS: the framework's own knows one method of each path only."""

    async def allowed() -> Response[None]:
        return Response(None, headers={"allow": f"{methods}, OPTIONS"})

    return route(path, http_method="OPTIONS", status_code=204, include_in_schema=False)(allowed)


def _shown(found: Found | None) -> Answer:
    if found is None:
        raise Refused(404, "no-such-user", "there is no user of this name")
    return Answer(found.view, etag(found.revision))


def _moment(as_of: str) -> int | datetime:
    if as_of.isascii() and as_of.isdigit():
        return position_of(as_of, "as_of")
    try:
        # An unescaped + arrives as a space.
        return moment_of(as_of.replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        detail = f"as_of is a position (12) or a time (2023-07-14T01:47:35.070Z): {error}"
        raise Refused(400, "invalid-moment", detail) from error


def _link(path: str, limit: int, after: int | None, as_of: str | None = None) -> str:
    moment = {} if as_of is None else {"as_of": as_of}
    return f"{path}?{urlencode({'limit': limit, 'after': after, **moment})}"


def _next(link: str | None) -> tuple[tuple[bytes, bytes], ...]:
    return () if link is None else ((b"link", f'<{link}>; rel="next"'.encode()),)

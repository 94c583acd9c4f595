"""What the OpenAPI page says of each operation.

The handlers read the request themselves, which is what makes them fast, so their parameters and
bodies are told here; the rules are those of `names.py`, by which they are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from litestar.openapi import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from backstory.demo.answers import Alive, Created, History, Ready, Renamed, UserPage
from backstory.demo.names import (
    FULL_NAME_PATTERN,
    FULL_NAME_RULE,
    MAX_LENGTH,
    USERNAME_PATTERN,
    USERNAME_RULE,
)
from backstory.demo.problems import MEDIA_TYPE, Problem
from backstory.demo.requests import MAX_PAGE, MAX_POSITION, POSITION
from backstory.demo.users import UserView

Documented = TypedDict(  # noqa: UP013 - fields of a class would count as unused variables
    "Documented",
    {
        "summary": str,
        "status_code": int,
        "responses": Mapping[int, ResponseSpec],
        "operation_class": type[Operation],
        "tags": list[str],
    },
)
"""What a route says of itself, as the framework takes it."""

_PROBLEMS: Final = {
    400: "The request cannot be read: malformed JSON, a header or a parameter.",
    404: "There is no such user; or no past is kept to answer from (the normal approach).",
    409: "There is a user of this name already, or others kept changing it.",
    412: "The user has changed since the ETag in If-Match.",
    413: "The body is too large.",
    415: "The body is not said to be application/json.",
    422: "The body is JSON, but no such user can be; or the Idempotency-Key was used before.",
    503: "The log or the read model cannot be used now, or has not got that far; try again.",
}


def _problems(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            Problem,
            description=_PROBLEMS[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in statuses
    }


def _spec(shape: type | None, description: str) -> ResponseSpec:
    return ResponseSpec(shape, description=description, generate_examples=False)


def _text(pattern: str, rule: str, example: str) -> Schema:
    return Schema(
        type=OpenAPIType.STRING,
        min_length=1,
        max_length=MAX_LENGTH,
        pattern=pattern,
        description=rule,
        examples=[example],
    )


_USERNAME: Final = _text(USERNAME_PATTERN, USERNAME_RULE, "donald-le")
_FULL_NAME: Final = _text(FULL_NAME_PATTERN, FULL_NAME_RULE, "Donald Le")

_username: Final = Parameter("username", "path", schema=_USERNAME, required=True)
_as_of: Final = Parameter(
    "as_of",
    "query",
    schema=Schema(type=OpenAPIType.STRING, examples=["12", "2023-07-14T01:47:35.070Z"]),
    description="Answer from the past: as of a position, or of a time with its zone.",
)
_position: Final = Parameter(
    POSITION,
    "header",
    schema=Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=MAX_POSITION),
    description="Wait until the read model shows this position: that of a write, from its answer.",
)
_if_match: Final = Parameter(
    "If-Match",
    "header",
    schema=Schema(type=OpenAPIType.STRING, pattern=r'^(\*|(W/)?"[!#-~]*")$', examples=['"3"']),
    description="Only if the user still is at the revision of this ETag.",
)
_key: Final = Parameter(
    "Idempotency-Key",
    "header",
    schema=Schema(type=OpenAPIType.STRING, pattern="^[!-~]{1,255}$"),
    description="Chosen by the caller; sent again with it, the request is carried out once.",
)
_limit: Final = Parameter(
    "limit",
    "query",
    schema=Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MAX_PAGE, default=50),
    description="How many to answer at most.",
)
_after: Final = Parameter(
    "after",
    "query",
    schema=Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=MAX_POSITION, default=0),
    description="Only users whose id is beyond this.",
)
_after_revision: Final = Parameter(
    "after",
    "query",
    schema=Schema(type=OpenAPIType.INTEGER, minimum=-1, maximum=MAX_POSITION, default=-1),
    description="Only events beyond this revision.",
)


def _operation(*parameters: Parameter, body: Mapping[str, Schema] | None = None) -> type[Operation]:
    """Return the class of an operation that takes *parameters* and a *body* of these members."""

    @dataclass
    class Told(Operation):
        def __post_init__(self) -> None:
            # What is told here is more than what the path alone says.
            told = {(one.name, one.param_in) for one in parameters}
            found = [one for one in self.parameters or [] if isinstance(one, Parameter)]
            rest = [one for one in found if (one.name, one.param_in) not in told]
            self.parameters = [*parameters, *rest]
            if body is not None and self.request_body is None:
                self.request_body = _body(body)

    return Told


def _body(members: Mapping[str, Schema]) -> RequestBody:
    schema = Schema(
        type=OpenAPIType.OBJECT,
        properties=dict(members),
        required=[*members],
        additional_properties=False,
    )
    return RequestBody({"application/json": OpenAPIMediaType(schema=schema)}, required=True)


create: Final = Documented(
    summary="Create a user",
    status_code=201,
    tags=["users"],
    operation_class=_operation(_key, body={"username": _USERNAME, "fullName": _FULL_NAME}),
    responses={
        201: _spec(Created, "Created, and on the disk. ETag and position are in the headers."),
        **_problems(400, 409, 413, 415, 422, 503),
    },
)
find: Final = Documented(
    summary="Get a user, as it is or as it was",
    status_code=200,
    tags=["users"],
    operation_class=_operation(_username, _as_of, _position),
    responses={200: _spec(UserView, "The user."), **_problems(400, 404, 503)},
)
rename: Final = Documented(
    summary="Rename a user",
    status_code=200,
    tags=["users"],
    operation_class=_operation(_username, _if_match, body={"fullName": _FULL_NAME}),
    responses={
        200: _spec(Renamed, "Renamed, and on the disk."),
        **_problems(400, 404, 409, 412, 413, 415, 422, 503),
    },
)
delete: Final = Documented(
    summary="Delete a user",
    status_code=204,
    tags=["users"],
    operation_class=_operation(_username, _if_match),
    responses={204: _spec(None, "Deleted."), **_problems(400, 404, 409, 412, 503)},
)
page: Final = Documented(
    summary="List users",
    status_code=200,
    tags=["users"],
    operation_class=_operation(_limit, _after, _as_of, _position),
    responses={200: _spec(UserPage, "One page."), **_problems(400, 404, 503)},
)
history: Final = Documented(
    summary="Tell what happened to a user",
    status_code=200,
    tags=["users"],
    operation_class=_operation(_username, _limit, _after_revision),
    responses={200: _spec(History, "One page."), **_problems(400, 404, 503)},
)
alive: Final = Documented(
    summary="Say that the process answers",
    status_code=200,
    tags=["health"],
    operation_class=_operation(),
    responses={200: _spec(Alive, "It does.")},
)
ready: Final = Documented(
    summary="Say whether log and read model are in order, and how far they are apart",
    status_code=200,
    tags=["health"],
    operation_class=_operation(),
    responses={200: _spec(Ready, "They are."), **_problems(503)},
)

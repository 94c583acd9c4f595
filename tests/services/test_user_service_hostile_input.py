from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote

import httpx
import pytest

from tests.services.serving import Service

PROBLEM: Final = "application/problem+json"
JSON: Final = {"content-type": "application/json"}


def _body(**members: object) -> bytes:
    return json.dumps({"username": "mallory", "fullName": "Mallory", **members}).encode()


NAMES: Final = {
    "empty": "",
    "slash": "a/b",
    "dots": "..",
    "one dot": ".",
    "leading dash": "-rf",
    "trailing dot": "a.",
    "NUL": "a\0b",
    "line break": "a\n",
    "escape": "\x1b[31mred",
    "right-to-left": "\u202eevil",
    "zero width": "a\u200bb",
    "not ASCII": "žofie",
    "space": "a b",
    "101 characters": "a" * 101,
    "4 KB": "a" * 4096,
}
# A client takes an empty segment and dots away before it sends them.
PATHS: Final = [
    *(quote(name, safe="") for name in NAMES.values() if name.strip(".")),
    "%ff",
    "a%00b",
    "%2e%2e%2fetc",
    "😀",
]
FULL_NAMES: Final = {
    "empty": "",
    "blank": " ",
    "leading space": " a",
    "trailing break": "a\n",
    "NUL": "a\0b",
    "escape": "\x1b[31mred",
    "right-to-left": "a\u202eb",
    "isolate": "a\u2066b",
    "zero width": "a\u200bb",
    "replacement": "a\ufffdb",
    "101 characters": "a" * 101,
    "4 KB": "ž" * 2048,
}
BODIES: Final = {
    "nothing": (b"", 400),
    "no JSON": (b"username=mallory", 400),
    "truncated": (_body()[:-3], 400),
    "two documents": (_body() + _body(), 400),
    "NaN": (b'{"username":"mallory","fullName":NaN}', 400),
    "infinity": (b'{"username":"mallory","fullName":Infinity}', 400),
    "not UTF-8": (b'{"username":"mallory","fullName":"\xff"}', 400),
    "UTF-16": (_body().decode().encode("utf-16"), 400),
    "lone surrogate": (b'{"username":"mallory","fullName":"\\ud800"}', 400),
    "member twice": (b'{"username":"mallory","fullName":"A","fullName":"B"}', 400),
    "member twice, escaped": (
        b'{"username":"mallory","user\\u006eame":"eve","fullName":"A"}',
        400,
    ),
    "an array": (b"[]", 422),
    "null": (b"null", 422),
    "deep": (b"[" * 15_000, 422),
    "deep member": (b'{"username":' + b"[" * 15_000, 422),
    "number": (_body(fullName=1), 422),
    "null member": (_body(fullName=None), 422),
    "object member": (_body(username={"$ne": ""}), 422),
    "missing": (b'{"username":"mallory"}', 422),
    "unknown member": (_body(admin=True), 422),
}


def _refused(answer: httpx.Response, *statuses: int) -> str:
    assert answer.status_code in statuses
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:backstory:problem:")
    detail: str = problem["detail"]
    assert detail
    assert "Traceback" not in detail
    return detail


@pytest.fixture(autouse=True)
def _nothing_is_written(client: httpx.Client) -> object:
    """Look at the head of the log and at the table before and after."""
    before = client.get("/readyz").json()["head"], client.get("/users?limit=500").json()
    yield
    after = client.get("/readyz").json()["head"], client.get("/users?limit=500").json()
    assert after == before


@pytest.mark.parametrize("username", NAMES.values(), ids=NAMES)
def test_a_username_outside_the_alphabet_is_refused(client: httpx.Client, username: str) -> None:
    """The name goes into streams, URLs and terminals; the answer says what it may be."""
    answer = client.post("/users", content=_body(username=username), headers=JSON)
    assert "username must be 1 to 100 letters and digits" in _refused(answer, 422)


@pytest.mark.parametrize("full_name", FULL_NAMES.values(), ids=FULL_NAMES)
def test_a_full_name_that_misleads_is_refused(client: httpx.Client, full_name: str) -> None:
    """Whoever reads a list of users sees what is there."""
    answer = client.post("/users", content=_body(fullName=full_name), headers=JSON)
    assert "fullName must be 1 to 100 characters" in _refused(answer, 422)


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_user_is_refused(client: httpx.Client, body: bytes, status: int) -> None:
    """Each fault has an answer that says what to mend."""
    _refused(client.post("/users", content=body, headers=JSON), status)


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml", "x" * 4096]
)
def test_a_body_that_is_not_said_to_be_json_is_refused(
    client: httpx.Client, kind: str | None
) -> None:
    """A form of a foreign page cannot write here."""
    headers = {} if kind is None else {"content-type": kind}
    answer = client.post("/users", content=_body(), headers=headers)
    assert "application/json" in _refused(answer, 415)


@pytest.mark.parametrize("size", [16 * 1024 + 1, 16 * 1024 * 1024])
def test_a_body_that_is_too_large_is_refused(client: httpx.Client, size: int) -> None:
    """Before all of it has been read, whatever it would have been."""
    try:
        answer = client.post("/users", content=_body(fullName="a" * size), headers=JSON)
    except (httpx.WriteError, httpx.ReadError):
        return  # the connection was closed while most of the body was still on its way
    _refused(answer, 413)


@pytest.mark.parametrize("username", PATHS, ids=range(len(PATHS)))
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_path_that_names_nobody_is_not_found(
    client: httpx.Client, method: str, username: str
) -> None:
    """A name that cannot be is nobody's: no error of the server, nothing written."""
    body = {"fullName": "X"} if method == "PATCH" else None
    _refused(client.request(method, f"/users/{username}", json=body), 404)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("if-match", "3"),
        ("if-match", '"1", "2"'),
        ("if-match", '"'),
        ("if-match", ""),
    ],
)
def test_a_malformed_precondition_is_refused(client: httpx.Client, header: str, value: str) -> None:
    """A precondition that cannot be read must not count as none."""
    answer = client.delete("/users/nobody", headers={header: value})
    assert "If-Match" in _refused(answer, 400)


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "²", "9" * 5_000, str(2**63), ""])
def test_a_malformed_position_is_refused(client: httpx.Client, value: str) -> None:
    """A read that waits must know for what."""
    headers = {b"Backstory-Position": value.encode("latin-1")}
    _refused(client.get("/users/nobody", headers=headers), 400)


@pytest.mark.parametrize("value", ["", "x" * 256, "\u00e9"])
def test_a_malformed_idempotency_key_is_refused(client: httpx.Client, value: str) -> None:
    """A key that cannot be read would protect nobody."""
    headers = {b"Idempotency-Key": value.encode("latin-1"), b"content-type": b"application/json"}
    _refused(client.post("/users", content=_body(), headers=headers), 400)


def test_garbage_instead_of_http_does_not_stop_the_service(event_sourced: Service) -> None:
    """The next caller is served as if nothing had happened."""
    with event_sourced.client() as client:
        for junk in (b"\x00" * 64, b"GET / HTTP/9.9\r\n\r\n", b"POST /users HTTP/1.1\r\n"):
            event_sourced.shout(junk)
            assert client.get("/healthz").status_code == 200

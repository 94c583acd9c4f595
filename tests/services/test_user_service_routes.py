from __future__ import annotations

import re
from uuid import uuid4

import httpx
import pytest

from tests.services.serving import seen

PROBLEM = "application/problem+json"


def _create(client: httpx.Client, name: str, full_name: str = "Donald Le") -> httpx.Response:
    return client.post("/users", json={"username": name, "fullName": full_name})


def test_a_created_user_is_answered_with_its_name_alone(client: httpx.Client, name: str) -> None:
    """The shape of the classic tutorial, byte for byte."""
    answer = _create(client, name)
    assert answer.status_code == 201
    assert answer.text == f'{{"username":"{name}"}}'


def test_a_user_has_exactly_four_members_in_their_order(client: httpx.Client, name: str) -> None:
    """The shape of the classic tutorial, byte for byte, with milliseconds and Z."""
    answer = seen(client, _create(client, name), f"/users/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    shape = rf'\{{"id":\d+,"username":"{name}","createdAt":"{time}","fullName":"Donald Le"\}}'
    assert re.fullmatch(shape, answer.text)


def test_a_user_who_exists_cannot_be_created_again(client: httpx.Client, name: str) -> None:
    """A username names one user."""
    first = _create(client, name)
    again = _create(client, name, "Somebody Else")
    assert (again.status_code, again.headers["content-type"]) == (409, PROBLEM)
    assert seen(client, first, f"/users/{name}").json()["fullName"] == "Donald Le"


def test_upper_and_lower_case_are_two_users(client: httpx.Client, name: str) -> None:
    """Names are never folded: what is stored is what was sent."""
    assert _create(client, name).status_code == 201
    upper = _create(client, name.upper())
    assert upper.status_code == 201
    assert seen(client, upper, f"/users/{name.upper()}").json()["username"] == name.upper()


@pytest.mark.parametrize(
    "full_name", ["Žofie Nováková", "王秀英", "محمد علي", "O'Neil: x", "a" * 100]
)
def test_a_full_name_in_any_alphabet_comes_back_as_it_was_sent(
    client: httpx.Client, full_name: str
) -> None:
    """People are not ASCII."""
    name = f"u{uuid4().hex}"
    answer = seen(client, _create(client, name, full_name), f"/users/{name}")
    assert answer.json()["fullName"] == full_name


def test_a_user_nobody_created_is_not_found(client: httpx.Client, name: str) -> None:
    """Absent is 404 for reading, renaming and deleting alike."""
    answers = [
        client.get(f"/users/{name}"),
        client.patch(f"/users/{name}", json={"fullName": "X"}),
        client.delete(f"/users/{name}"),
    ]
    assert [(a.status_code, a.headers["content-type"]) for a in answers] == [(404, PROBLEM)] * 3


def test_a_rename_shows_in_the_next_read(client: httpx.Client, name: str) -> None:
    """Renaming keeps the user and changes the name."""
    before = seen(client, _create(client, name), f"/users/{name}").json()
    renamed = client.patch(f"/users/{name}", json={"fullName": "Don"})
    assert (renamed.status_code, renamed.text) == (
        200,
        f'{{"username":"{name}","fullName":"Don"}}',
    )
    after = seen(client, renamed, f"/users/{name}").json()
    assert after == {**before, "fullName": "Don"}


def test_a_rename_to_the_same_name_changes_nothing(client: httpx.Client, name: str) -> None:
    """Saying it twice leaves no second mark."""
    created = _create(client, name)
    renamed = client.patch(f"/users/{name}", json={"fullName": "Donald Le"})
    assert renamed.status_code == 200
    assert renamed.headers["etag"] == created.headers["etag"]


def test_a_deleted_user_is_gone_and_the_name_is_free(client: httpx.Client, name: str) -> None:
    """A new user of an old name is another one, with an id of its own."""
    first = seen(client, _create(client, name), f"/users/{name}").json()["id"]
    deleted = client.delete(f"/users/{name}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert seen(client, deleted, f"/users/{name}").status_code == 404
    assert client.delete(f"/users/{name}").status_code == 404
    again = seen(client, _create(client, name, "Another"), f"/users/{name}").json()
    assert (again["fullName"], again["id"] > first) == ("Another", True)


def test_a_write_with_a_stale_etag_is_refused(client: httpx.Client, name: str) -> None:
    """Two people who edit the same user do not overwrite each other."""
    stale = _create(client, name).headers["etag"]
    fresh = client.patch(
        f"/users/{name}", json={"fullName": "A"}, headers={"if-match": stale}
    ).headers["etag"]
    assert fresh != stale
    refused = [
        client.patch(f"/users/{name}", json={"fullName": "B"}, headers={"if-match": stale}),
        client.delete(f"/users/{name}", headers={"if-match": stale}),
        client.delete(f"/users/{name}", headers={"if-match": f"W/{fresh}"}),
        client.delete(f"/users/{name}", headers={"if-match": '"no-revision"'}),
    ]
    assert [answer.status_code for answer in refused] == [412] * 4
    assert client.delete(f"/users/{name}", headers={"if-match": fresh}).status_code == 204


def test_the_etag_of_a_read_is_the_etag_of_the_write(client: httpx.Client, name: str) -> None:
    """Whoever read a user can change it with If-Match."""
    written = _create(client, name)
    assert seen(client, written, f"/users/{name}").headers["etag"] == written.headers["etag"]
    renamed = client.patch(f"/users/{name}", json={"fullName": "A"}, headers={"if-match": "*"})
    assert seen(client, renamed, f"/users/{name}").headers["etag"] == renamed.headers["etag"]


def test_a_precondition_on_nobody_is_not_found(client: httpx.Client, name: str) -> None:
    """If-Match counts only for a request that would do something without it."""
    assert client.delete(f"/users/{name}", headers={"if-match": '"0"'}).status_code == 404


def test_the_list_is_paged_by_id_and_ends(client: httpx.Client) -> None:
    """Every user is on exactly one page, in the order of the ids."""
    names = [f"u{uuid4().hex}" for _ in range(5)]
    answers = [_create(client, name) for name in names]
    first = seen(client, answers[-1], f"/users/{names[0]}").json()["id"]
    url, users = f"/users?limit=2&after={first - 1}", []
    while url:
        page = client.get(url).json()
        users += page["users"]
        url = page["next"]
    assert [user["username"] for user in users] == names
    assert [user["id"] for user in users] == sorted(user["id"] for user in users)
    assert set(users[0]) == {"id", "username", "createdAt", "fullName"}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "after=-1", "after=x", f"after={2**64}"]
)
def test_a_page_nobody_could_answer_is_refused(client: httpx.Client, query: str) -> None:
    """A wrong parameter is named, not guessed at."""
    answer = client.get(f"/users?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert answer.json()["detail"].startswith(query.partition("=")[0])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("PUT", "/users", 405), ("POST", "/users/x", 405)],
)
def test_the_frameworks_own_errors_are_problems_too(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    """A caller parses one kind of error."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert ("allow" in answer.headers) == (status == 405)


def test_a_service_in_order_is_alive_and_ready(client: httpx.Client) -> None:
    """What a supervisor asks."""
    assert client.get("/healthz").json() == {"status": "alive"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")

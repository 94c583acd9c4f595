from __future__ import annotations

from itertools import pairwise

import httpx
import pytest

from tests.services.serving import POSITION, seen


def _lived(client: httpx.Client, name: str) -> list[int]:
    """Create, rename, delete and create a user; return the position of each."""
    path = f"/users/{name}"
    first = {"username": name, "fullName": "Donald Le"}
    answers = [
        client.post("/users", json=first),
        client.patch(path, json={"fullName": "Don"}),
        client.delete(path),
        client.post("/users", json={**first, "fullName": "Another"}),
    ]
    seen(client, answers[-1], path)
    return [int(answer.headers[POSITION]) for answer in answers]


def test_the_history_tells_everything_that_happened(remembering: httpx.Client, name: str) -> None:
    """The audit trail: what, when, where in the log, and in which circumstances."""
    positions = _lived(remembering, name)
    events = remembering.get(f"/users/{name}/history").json()["events"]
    assert [event["type"] for event in events] == [
        "user-created",
        "user-renamed",
        "user-deleted",
        "user-created",
    ]
    assert [event["position"] for event in events] == positions
    assert [event["revision"] for event in events] == [0, 1, 2, 3]
    assert set(events[0]["data"]) == {"username", "fullName", "openedAt"}
    assert [event["data"] for event in events[1:3]] == [{"fullName": "Don"}, {}]
    assert [event["metadata"]["command"] for event in events] == [
        "CreateUser",
        "RenameUser",
        "DeleteUser",
        "CreateUser",
    ]
    assert all(event["metadata"]["$correlationId"] for event in events)
    times = [event["recorded_at"] for event in events]
    assert all(before <= after for before, after in pairwise(times))
    assert all(time.endswith("Z") for time in times)


def test_the_history_is_paged(remembering: httpx.Client, name: str) -> None:
    """A long life is told page by page, each event once."""
    _lived(remembering, name)
    url, revisions = f"/users/{name}/history?limit=3", []
    while url:
        page = remembering.get(url).json()
        revisions += [event["revision"] for event in page["events"]]
        url = page["next"]
    assert revisions == [0, 1, 2, 3]


def test_nobody_has_no_history(remembering: httpx.Client, name: str) -> None:
    """Nothing ever happened is another answer than an empty page."""
    assert remembering.get(f"/users/{name}/history").status_code == 404


def test_any_position_can_be_answered_from(remembering: httpx.Client, name: str) -> None:
    """Before, between and after: each moment has its own answer."""
    created, renamed, deleted, again = _lived(remembering, name)

    def as_of(position: int) -> str | int:
        answer = remembering.get(f"/users/{name}", params={"as_of": position})
        return answer.json()["fullName"] if answer.status_code == 200 else answer.status_code

    moments = [0, created - 1, created, renamed, deleted, again]
    assert [as_of(moment) for moment in moments] == [404, 404, "Donald Le", "Don", 404, "Another"]


def test_any_time_can_be_answered_from(remembering: httpx.Client, name: str) -> None:
    """The time the history tells is the time that can be asked for, in any zone."""
    _lived(remembering, name)
    events = remembering.get(f"/users/{name}/history").json()["events"]
    answers = [
        remembering.get(f"/users/{name}", params={"as_of": event["recorded_at"]})
        for event in events
    ]
    names = [a.json()["fullName"] if a.status_code == 200 else 0 for a in answers]
    # Events of one commit share their time; then the last of them is what the time shows.
    times = [event["recorded_at"] for event in events]
    wanted = ["Donald Le", "Don", 0, "Another"]
    assert names == [wanted[len(times) - 1 - times[::-1].index(time)] for time in times]
    early = remembering.get(f"/users/{name}", params={"as_of": "2000-01-01T00:00:00+02:00"})
    late = remembering.get(f"/users/{name}?as_of=2999-01-01T00:00:00+02:00")
    assert (early.status_code, late.json()["fullName"]) == (404, "Another")


def test_the_past_has_the_etag_of_its_revision(remembering: httpx.Client, name: str) -> None:
    """What was read of the past cannot be mistaken for the present."""
    created, *_ = _lived(remembering, name)
    answer = remembering.get(f"/users/{name}", params={"as_of": created})
    assert answer.headers["etag"] == '"0"'


def test_the_id_of_a_user_who_is_gone_is_not_invented(remembering: httpx.Client, name: str) -> None:
    """Ids are numbers of the read model; the past of another user has none."""
    created, _, _, again = _lived(remembering, name)
    path = f"/users/{name}"
    assert remembering.get(path, params={"as_of": created}).json()["id"] is None
    now = remembering.get(path).json()
    assert remembering.get(path, params={"as_of": again}).json() == now


@pytest.mark.parametrize("moment", ["yesterday", "2023-07-14T01:47:35", "-1", "", "9" * 30, "²"])
def test_a_moment_that_names_none_is_refused(
    remembering: httpx.Client, name: str, moment: str
) -> None:
    """A time without a zone would be somebody's guess."""
    answer = remembering.get(f"/users/{name}", params={"as_of": moment})
    assert answer.status_code == 400
    assert "as_of" in answer.json()["detail"]


def test_the_future_is_refused(remembering: httpx.Client, name: str) -> None:
    """A position the log has not reached has no answer yet."""
    answer = remembering.get(f"/users/{name}", params={"as_of": 2**40})
    assert answer.status_code == 400
    assert "the log ends at" in answer.json()["detail"]


def test_the_list_is_answered_as_it_was(remembering: httpx.Client, name: str) -> None:
    """At each position exactly what the list showed then, ids included, page by page."""
    one, two = f"/users/{name}", f"{name}-2"
    steps: list[tuple[str, str, dict[str, str] | None]] = [
        ("POST", "/users", {"username": name, "fullName": "One"}),
        ("POST", "/users", {"username": two, "fullName": "Two"}),
        ("PATCH", one, {"fullName": "First"}),
        ("DELETE", one, None),
        ("POST", "/users", {"username": name, "fullName": "Again"}),
    ]
    shown: dict[int, list[object]] = {}
    for method, path, body in steps:
        answer = remembering.request(method, path, json=body)
        at = answer.headers[POSITION]
        shown[int(at)] = _all(remembering, "/users?limit=100", {POSITION: at})
    for position in reversed(shown):
        assert _all(remembering, f"/users?limit=100&as_of={position}") == shown[position]
    last = max(shown)
    assert _all(remembering, f"/users?limit=1&as_of={last}") == shown[last]
    now = "2999-01-01T00:00:00+02:00"
    assert _all(remembering, f"/users?limit=2&as_of={now}") == shown[last]


def _all(client: httpx.Client, url: str, headers: dict[str, str] | None = None) -> list[object]:
    users: list[object] = []
    following: str | None = url
    while following:
        page = client.get(following, headers=headers or {}).json()
        users += page["users"]
        following = page["next"]
    return users


@pytest.mark.parametrize(("moment", "status"), [("soon", 400), (str(2**40), 400)])
def test_a_list_of_no_moment_is_refused(
    remembering: httpx.Client, moment: str, status: int
) -> None:
    """As for one user."""
    answer = remembering.get("/users", params={"as_of": moment})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")

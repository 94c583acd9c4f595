from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.services.serving import POSITION, Service


def _create(
    client: httpx.Client, name: str, key: str, full_name: str = "Donald Le"
) -> httpx.Response:
    user = {"username": name, "fullName": full_name}
    return client.post("/users", json=user, headers={"Idempotency-Key": key})


def test_a_request_sent_again_is_answered_as_the_first_time(
    remembering: httpx.Client, name: str
) -> None:
    """Whoever lost the answer asks again, and nothing happens twice."""
    first, again = (
        _create(remembering, name, f"key {name}"),
        _create(remembering, name, f"key {name}"),
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers[POSITION] == first.headers[POSITION]
    assert again.headers["etag"] == first.headers["etag"]
    assert len(remembering.get(f"/users/{name}/history").json()["events"]) == 1


def test_the_first_answer_stands_even_when_the_user_was_deleted_since(
    remembering: httpx.Client, name: str
) -> None:
    """A late repetition must not bring a deleted user back."""
    first = _create(remembering, name, name)
    remembering.delete(f"/users/{name}")
    assert _create(remembering, name, name).headers[POSITION] == first.headers[POSITION]
    assert len(remembering.get(f"/users/{name}/history").json()["events"]) == 2


def test_a_key_with_another_request_is_refused(remembering: httpx.Client, name: str) -> None:
    """One key is one request."""
    assert _create(remembering, name, name).status_code == 201
    reused = _create(remembering, name, name, "Somebody Else")
    assert reused.status_code == 422
    assert reused.json()["type"] == "urn:backstory:problem:key-reused"


def test_another_key_is_another_request(remembering: httpx.Client, name: str) -> None:
    """Only the same request is the same."""
    assert _create(remembering, name, f"{name}1").status_code == 201
    assert _create(remembering, name, f"{name}2").status_code == 409


def test_the_same_request_sixteen_times_at_once_is_carried_out_once(
    event_sourced: Service, name: str
) -> None:
    """However impatient the caller."""

    def create(_: int) -> tuple[int, str]:
        with event_sourced.client() as client:
            answer = _create(client, name, name)
            return answer.status_code, answer.headers[POSITION]

    with ThreadPoolExecutor(16) as callers:
        answers = set(callers.map(create, range(16)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 201

from __future__ import annotations

from collections.abc import Callable

from tests.services.serving import CRUD, POSITION, Service


def test_the_normal_approach_cannot_answer_from_the_past(crud: Service, name: str) -> None:
    """What was overwritten is gone: said so, and nothing guessed."""
    with crud.client() as client:
        assert client.post("/users", json={"username": name, "fullName": "A"}).status_code == 201
        past = [client.get(f"/users/{name}?as_of=1"), client.get(f"/users/{name}/history")]
    assert [answer.status_code for answer in past] == [404, 404]
    assert {answer.json()["type"] for answer in past} == {"urn:backstory:problem:no-history"}


def test_the_normal_approach_has_no_positions(crud: Service, name: str) -> None:
    """There is no log; what is written can be read at once."""
    with crud.client() as client:
        written = client.post("/users", json={"username": name, "fullName": "A"})
        assert POSITION not in written.headers
        assert client.get(f"/users/{name}", headers={POSITION: "1"}).status_code == 200


def test_the_normal_approach_keeps_its_rows_when_it_is_killed(
    make_service: Callable[..., Service], name: str
) -> None:
    """A yardstick must keep its promises too: 201 means on the disk."""
    service = make_service(module=CRUD)
    service.start()
    assert str(service.data / "crud.db") in service.words()
    with service.client() as client:
        assert client.post("/users", json={"username": name, "fullName": "A"}).status_code == 201
        before = client.get(f"/users/{name}").json()
    service.kill()
    service.start()
    with service.client() as client:
        assert client.get(f"/users/{name}").json() == before

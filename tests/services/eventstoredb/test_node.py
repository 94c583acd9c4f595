"""The official clients for Node, unmodified, against the server."""

from __future__ import annotations

import time
from contextlib import ExitStack

import httpx
import pytest

from tests.services.eventstoredb.nodes import CLIENTS, exercising, running
from tests.services.eventstoredb.served import Served

SAID: dict[str, dict[str, object]] = {
    "append": {
        "success": [True, True],
        "revisions": [0, 1, 2],
        "data": [0, 1, 2],
        "next": 2,
        "last": True,
        "conflict": "wrong-expected-version",
    },
    "binary": {"json": False, "data": [0, 255, 1, 2], "metadata": [9]},
    "read": {
        "forwards": [7, 8, 9],
        "backwards": [9, 8],
        "first": "$metadata",
        "missing": "stream-not-found",
    },
    "remove": {
        "deleted": "stream-not-found",
        "ended": "stream-deleted",
        "again": "stream-deleted",
        "revision": 1,
    },
    "metadata": {"metadata": {"maxCount": 2, "owner": "ops"}, "revisions": [3, 4]},
    "subscribe": {"stream": [1, 2, 3, 4], "all": [0, 1, 2, 3, 4]},
    "hundred": {"complete": 100},
    "large": {"events": 9, "whole": True},
    "many": {"inOrder": True, "count": 10_000, "all": 10_000},
    "persistent": {
        "seen": [[0, 0], [1, 0], [2, 0], [1, 1]],
        "group": "workers",
        "twice": "persistent-subscription-exists",
        "gone": "persistent-subscription-does-not-exist",
    },
    "projections": {
        "name": True,
        "status": "Stopped",
        "gone": "not-found",
        "system": [
            "$by_category",
            "$by_correlation_id",
            "$by_event_type",
            "$stream_by_category",
            "$streams",
        ],
    },
    "links": {
        "links": ["$>"] * 4,
        "targets": [["a", 0, "$>"], ["a", 1, "$>"], ["b", 0, "$>"], ["b", 1, "$>"]],
    },
}
"""What a client says of each step; the steps are in node/exercise.mjs."""


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_for_node_cannot_tell_the_server_from_eventstoredb(
    served: Served, client: str
) -> None:
    """Appends, reads, subscriptions, deletions and metadata; 3 MiB batches, 10,000 events."""
    with exercising(client, served.esdb, *SAID) as exercise:
        for step, said in SAID.items():
            heard = exercise.line()
            if (client, step) == ("eventstore-4.0.0", "projections"):
                assert heard.pop("gone") == "unknown", "it has no word for it yet"
                heard["gone"] = said["gone"]
            assert heard == {"step": step, **said}


def test_clients_connect_anew_when_the_server_was_restarted(own_served: Served) -> None:
    """They are told, and go on where they were; here all of them at once."""
    with ExitStack() as stack:
        exercises = [
            stack.enter_context(exercising(client, own_served.esdb, "restart"))
            for client in CLIENTS
        ]
        for exercise in exercises:
            assert exercise.line() == {"step": "ready"}
        own_served.stop()
        own_served.start()
        for exercise in exercises:
            said = exercise.line()
            assert said["end"] == "unavailable"
            assert (said["revision"], said["seen"]) == (1, [0, 1])


@pytest.mark.parametrize("client", ["eventstore-4.0.0", "eventstore-6.2.1"])
def test_a_user_service_in_typescript_runs_unmodified(served: Served, client: str) -> None:
    """It appends, follows everything but system events, reads streams, and meets conflicts."""
    url = f"{served.esdb}&throwOnAppendFailure=false"
    name = f"donald-{client}"
    with running("user_service.ts", client, ESDB_CONNECTION_STRING=url) as service:
        assert service.stdout is not None
        port = service.stdout.readline().split()[-1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            user = {"username": name, "fullName": "Donald Le"}
            assert http.get(f"/users/{name}").status_code == 404
            assert http.post("/users", json=user).status_code == 201
            assert http.post("/users", json=user).status_code == 409
            deadline = time.monotonic() + 10
            while (answer := http.get(f"/users/{name}")).status_code == 404:
                assert time.monotonic() < deadline
            assert answer.json()["fullName"] == "Donald Le"
            assert http.get(f"/users/{name}/history").json() == ["user-created"]

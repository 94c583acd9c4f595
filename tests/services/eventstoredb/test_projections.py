"""Projections through the official client: kept and managed, with honest statuses."""

from __future__ import annotations

from uuid import uuid4

import pytest
from grpc import RpcError
from kurrentdbclient import KurrentDBClient
from kurrentdbclient.exceptions import (
    DeadlineExceededError,
    KurrentDBClientError,
    NotFoundError,
    OperationFailedError,
)

from tests.services.eventstoredb.served import Served

QUERY = "fromAll().when({})"
SYSTEM = [
    "$by_category",
    "$by_correlation_id",
    "$by_event_type",
    "$stream_by_category",
    "$streams",
]


@pytest.fixture
def name() -> str:
    """Give a name that no other projection has."""
    return f"projection-{uuid4()}"


def test_a_projection_is_created_managed_and_deleted(client: KurrentDBClient, name: str) -> None:
    """What is enabled says that it does not run, and why; what is enabled cannot be deleted."""
    client.create_projection(name=name, query=QUERY, emit_enabled=True, track_emitted_streams=True)
    told = client.get_projection_statistics(name=name)
    assert (told.name, told.effective_name, told.mode) == (name, name, "Continuous")
    assert (told.status, told.progress) == ("Faulted", -1)
    assert "does not run them" in told.state_reason
    with pytest.raises(OperationFailedError):
        client.delete_projection(name)
    client.disable_projection(name)
    told = client.get_projection_statistics(name=name)
    assert (told.status, told.state_reason) == ("Stopped", "")
    client.enable_projection(name)
    client.abort_projection(name)
    assert client.get_projection_statistics(name=name).status == "Aborted/Stopped"
    client.update_projection(name, query="fromAll()", emit_enabled=False)
    assert client.get_projection_statistics(name=name).version == 1
    client.reset_projection(name)
    assert client.get_projection_state(name).value == {}
    client.delete_projection(name)
    for ask in (
        lambda: client.get_projection_statistics(name=name),
        lambda: client.update_projection(name, query=QUERY),
        lambda: client.delete_projection(name),
        lambda: client.enable_projection(name),
        lambda: client.disable_projection(name),
        lambda: client.abort_projection(name),
        lambda: client.reset_projection(name),
        lambda: client.get_projection_state(name),
    ):
        with pytest.raises(NotFoundError):
            ask()


def test_what_cannot_be_created_is_refused(client: KurrentDBClient, name: str) -> None:
    """A name twice, one of the system, and what contradicts itself."""
    client.create_projection(name=name, query=QUERY)
    for taken in (name, "$by_category"):
        with pytest.raises((KurrentDBClientError, RpcError), match="Conflict"):
            client.create_projection(name=taken, query=QUERY)
    with pytest.raises((KurrentDBClientError, RpcError), match="thrown by handler"):
        client.create_projection(name=f"{name}-2", query=QUERY, track_emitted_streams=True)


def test_those_of_the_system_run_and_stay(client: KurrentDBClient) -> None:
    """They are listed, have covered everything, and cannot be stopped or deleted."""
    for listed in (
        client.list_all_projection_statistics(),
        client.list_continuous_projection_statistics(),
    ):
        found = {each.name: each for each in listed}
        assert {found[name].status for name in SYSTEM} == {"Running"}
        assert {found[name].progress for name in SYSTEM} == {100}
    for ask in (client.disable_projection, client.delete_projection, client.abort_projection):
        with pytest.raises((KurrentDBClientError, RpcError)):
            ask("$by_category")
    client.enable_projection("$by_category")
    assert client.get_projection_state("$streams").value == {}


def test_the_state_of_an_empty_query_is_waited_for(client: KurrentDBClient, name: str) -> None:
    """Until the client's patience ends, as with the original."""
    client.create_projection(name=name, query="")
    with pytest.raises(DeadlineExceededError):
        client.get_projection_state(name, timeout=0.3)


def test_projections_outlive_the_server(own_served: Served, name: str) -> None:
    """With their queries and what their user wants of them."""
    with KurrentDBClient(own_served.esdb) as client:
        client.create_projection(name=name, query=QUERY)
        client.disable_projection(name)
    own_served.stop()
    own_served.start()
    with KurrentDBClient(own_served.esdb) as client:
        assert client.get_projection_statistics(name=name).status == "Stopped"
        client.delete_projection(name)

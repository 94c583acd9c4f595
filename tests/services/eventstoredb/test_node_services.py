"""What clients ask a node before they trust it: its features, its cluster, its health."""

from __future__ import annotations

import time

import grpc
import httpx
import pytest
from google.protobuf.message import Message
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.protos.v1 import shared_pb2

from backstory.server.wire.descriptors import (
    ScavengeResp,
    StartScavengeReq,
    StopScavengeReq,
    SupportedMethods,
)
from tests.services.eventstoredb.raw import asked
from tests.services.eventstoredb.served import Served

FEATURES = "/event_store.client.server_features.ServerFeatures/GetSupportedMethods"
OPERATIONS = "/event_store.client.operations.Operations/"
ANY = StreamState.ANY


def test_every_method_is_listed_in_lower_case_with_its_features(served: Served) -> None:
    """With a version that clients can read."""
    [answer] = asked(served, FEATURES, [shared_pb2.Empty()], SupportedMethods)
    assert answer.event_store_server_version == "25.0.0"
    listed = {(m.service_name, m.method_name): list(m.features) for m in answer.methods}
    streams = "event_store.client.streams.streams"
    assert listed[streams, "read"] == ["position", "events"]
    assert listed[streams, "batchappend"] == ["deadline_duration"]
    assert {(streams, name) for name in ("append", "delete", "tombstone")} <= set(listed)
    assert ("event_store.client.gossip.gossip", "read") in listed
    assert all(name == name.lower() for pair in listed for name in pair)


def test_the_cluster_has_one_member_who_leads(served: Served) -> None:
    """Clients that discover come to it."""
    with KurrentDBClient(f"esdb+discover://localhost:{served.port}?tls=false") as client:
        [member] = client.read_gossip()
        assert (member.state, member.address, member.port) == (
            "NODE_STATE_LEADER",
            "localhost",
            served.port,
        )
        event = NewEvent(type="a", data=b"{}")
        client.append_to_stream("discovered", current_version=ANY, events=event)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health/live", 204), ("/ping", 200), ("/info", 200), ("/gossip", 200), ("/stats", 200)],
)
def test_tools_find_their_addresses_on_the_same_port(
    served: Served, client: KurrentDBClient, path: str, status: int
) -> None:
    """While gRPC calls run."""
    with (
        client.subscribe_to_all(),
        httpx.Client(base_url=f"http://localhost:{served.port}") as http,
    ):
        assert http.get(path).status_code == status
        assert http.head(path).status_code == status
        assert http.post(path).status_code == 405


def test_what_a_scavenge_erases_is_what_nobody_could_read(own_served: Served) -> None:
    """Of streams truncated, deleted and ended; all else is as it was, and numbers go on."""
    with KurrentDBClient(own_served.esdb) as client:
        for name in ("kept", "truncated", "deleted", "ended"):
            events = [NewEvent(type=name, data=b"{}") for _ in range(4)]
            client.append_to_stream(name, current_version=ANY, events=events)
        client.set_stream_metadata("truncated", metadata={"$maxCount": 2}, current_version=ANY)
        client.set_stream_metadata("truncated", metadata={"$maxCount": 1}, current_version=ANY)
        client.delete_stream("deleted", current_version=ANY)
        client.tombstone_stream("ended", current_version=ANY)
        [started] = asked(
            own_served, f"{OPERATIONS}StartScavenge", [StartScavengeReq()], ScavengeResp
        )
        assert started.scavenge_result == 0
        deadline = time.monotonic() + 10
        types = ["kept"] * 4 + ["truncated", "deleted", "$metadata", "$metadata", "$streamDeleted"]
        while _types(client) != types:
            assert time.monotonic() < deadline, _types(client)
        assert [e.stream_position for e in client.get_stream("truncated")] == [3]
        again = NewEvent(type="again", data=b"{}")
        client.append_to_stream("deleted", current_version=StreamState.NO_STREAM, events=again)
        assert [e.stream_position for e in client.get_stream("deleted")] == [4]


def _types(client: KurrentDBClient) -> list[str]:
    """Return the types of all events but those with which a fresh node begins."""
    return [e.type for e in client.read_all(filter_exclude=()) if e.stream_name != "$$$ops"]


def test_a_scavenge_that_is_not_under_way_cannot_be_stopped(served: Served) -> None:
    """As 25.0 says it."""
    request: Message = StopScavengeReq(options={"scavenge_id": "nobody"})
    with pytest.raises(grpc.RpcError) as caught:
        asked(served, f"{OPERATIONS}StopScavenge", [request], ScavengeResp)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    trailers = dict(caught.value.trailing_metadata())
    assert (trailers["exception"], trailers["scavenge-id"]) == ("scavenge-not-found", "nobody")

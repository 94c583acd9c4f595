"""Connections on which nothing happens for longer than servers usually tolerate."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from kurrentdbclient import AsyncKurrentDBClient, KurrentDBClient, NewEvent, StreamState

from tests.services.eventstoredb.nodes import CLIENTS, exercising
from tests.services.eventstoredb.served import Served

IDLE_CONNECTIONS = 1_000


@contextmanager
def idle_connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Open so many connections that say nothing, half of a preface, or half of a request."""
    words = [b"", b"PRI * HT", b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    opened: list[socket.socket] = []
    try:
        for number in range(count):
            connection = socket.create_connection(("localhost", port))
            opened.append(connection)
            connection.sendall(words[number % len(words)])
        yield opened
    finally:
        for connection in opened:
            connection.close()


@pytest.mark.timeout(120)
def test_every_client_outlives_65_idle_seconds_among_a_thousand_idle_connections(
    own_served: Served,
) -> None:
    """Pings without data break no connection, nobody slows the others, and all is as it was."""
    with ExitStack() as stack:
        exercises = [
            stack.enter_context(exercising(client, own_served.esdb, "idle")) for client in CLIENTS
        ]
        stack.enter_context(idle_connections(own_served.port, IDLE_CONNECTIONS))
        client = stack.enter_context(KurrentDBClient(own_served.esdb))
        subscription = stack.enter_context(client.subscribe_to_stream("idle"))
        began = time.monotonic()
        client.append_to_stream(
            "quick", current_version=StreamState.ANY, events=NewEvent(type="a", data=b"{}")
        )
        assert time.monotonic() - began < 5
        asyncio.run(_idle_with_asyncio(own_served.esdb))
        client.append_to_stream(
            "idle", current_version=StreamState.ANY, events=NewEvent(type="a", data=b"{}")
        )
        assert next(subscription).type == "a"
        for exercise in exercises:
            said = exercise.line()
            assert said["revision"] == 0
            assert isinstance(said["seconds"], int)
            assert said["seconds"] >= 65


async def _idle_with_asyncio(url: str) -> None:
    async with (
        AsyncKurrentDBClient(url) as client,
        await client.subscribe_to_stream("idle-too") as subscription,
    ):
        await asyncio.sleep(65)
        await client.append_to_stream(
            "idle-too", current_version=StreamState.ANY, events=NewEvent(type="b", data=b"{}")
        )
        assert (await anext(subscription)).type == "b"

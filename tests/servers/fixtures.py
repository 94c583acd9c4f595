"""Fixtures that give a test a PostgreSQL: started when first asked for, one per test process.

A test that needs a database asks for `postgres_url`; one that needs several, or wants to look at
the server's side of things, for `postgres`; one that stops, crashes or pauses the server, for
`own_postgres`. Each runs on the newest version unless it says otherwise:

    @pytest.mark.parametrize("postgres", VERSIONS, indirect=True)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from tests.servers.databases import GivenServer, Server
from tests.servers.postgres import NEWEST, NoServer, PostgresServer

GIVEN: Final = os.environ.get("BACKSTORY_TEST_POSTGRES")
USUAL: Final = int(os.environ.get("BACKSTORY_TEST_POSTGRES_VERSION", NEWEST))


class Servers:
    """The servers of this test process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._own: dict[tuple[int, bool], PostgresServer] = {}
        self._given = GivenServer(GIVEN) if GIVEN else None

    def any(self, version: int) -> Server:
        """Return a server that may be somebody else's, whatever its version then is."""
        return self._given or self.own(version, durable=False)

    def own(self, version: int, *, durable: bool) -> PostgresServer:
        """Return a server of the wheel's; skips the test where there is none to be had."""
        server = self._own.get((version, durable))
        if server is None:
            try:
                server = PostgresServer(version, durable=durable)
            except NoServer as error:
                pytest.skip(str(error))
            self._own[version, durable] = server
        server.ensure_running()
        return server

    def close(self) -> None:
        """End them all."""
        for server in self._own.values():
            server.close()


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Servers]:
    """Keep the servers until the last test of this process is over."""
    servers = Servers()
    yield servers
    servers.close()


@pytest.fixture
def postgres(request: pytest.FixtureRequest, postgres_servers: Servers) -> Iterator[Server]:
    """Give a server that does not wait for the disk; the test's databases are dropped after it."""
    server = postgres_servers.any(getattr(request, "param", USUAL))
    yield server
    server.drop_all()


@pytest.fixture
def postgres_url(postgres: Server) -> str:
    """Return the URL of an empty database of the test's own."""
    return postgres.create()


@pytest.fixture
def own_postgres(
    request: pytest.FixtureRequest, postgres_servers: Servers
) -> Iterator[PostgresServer]:
    """Give a server that waits for the disk, and that the test may stop, crash and pause."""
    server = postgres_servers.own(getattr(request, "param", USUAL), durable=True)
    yield server
    server.ensure_running()
    server.drop_all()

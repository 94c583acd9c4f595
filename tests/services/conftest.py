"""The user service in both ways of keeping users, as processes that several tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.servers.fixtures import USUAL, Servers
from tests.services.serving import CRUD, EVENT_SOURCED, Service


@pytest.fixture(scope="session")
def event_sourced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the event-sourced users; each test makes users of its own."""
    yield from _running(tmp_path_factory.mktemp("services") / "events", EVENT_SOURCED)


@pytest.fixture(scope="session")
def crud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the users of the normal approach."""
    yield from _running(tmp_path_factory.mktemp("services") / "crud", CRUD)


@pytest.fixture(scope="session")
def event_sourced_on_postgres(
    tmp_path_factory: pytest.TempPathFactory, postgres_servers: Servers
) -> Iterator[Service]:
    """Serve the event-sourced users with their read model in PostgreSQL."""
    data = tmp_path_factory.mktemp("services") / "events-postgres"
    yield from _running(data, EVENT_SOURCED, _read_model(postgres_servers))


@pytest.fixture(scope="session")
def crud_on_postgres(
    tmp_path_factory: pytest.TempPathFactory, postgres_servers: Servers
) -> Iterator[Service]:
    """Serve the users of the normal approach from a table in PostgreSQL."""
    data = tmp_path_factory.mktemp("services") / "crud-postgres"
    yield from _running(data, CRUD, _read_model(postgres_servers))


def _read_model(servers: Servers) -> tuple[str, str]:
    return "--read-model", servers.any(USUAL).create_lasting()


def _running(data: Path, module: str, settings: Sequence[str] = ()) -> Iterator[Service]:
    service = Service(data, module=module, settings=settings)
    service.start()
    try:
        yield service
        assert service.stop() == 0
    finally:
        service.kill()


@pytest.fixture(params=["event_sourced", "crud", "event_sourced_on_postgres", "crud_on_postgres"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """Speak to one service after the other: what holds for both is tested on both."""
    service: Service = request.getfixturevalue(request.param)
    with service.client() as client:
        yield client


@pytest.fixture
def remembering(event_sourced: Service) -> Iterator[httpx.Client]:
    """Speak to the service that has events."""
    with event_sourced.client() as client:
        yield client


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Make services for one test; whatever still runs at its end is killed."""
    made: list[Service] = []

    def make(
        *, port: int = 0, module: str = EVENT_SOURCED, settings: Sequence[str] = ()
    ) -> Service:
        data = tmp_path / f"data-{len(made)}"
        made.append(Service(data, port=port, module=module, settings=settings))
        return made[-1]

    yield make
    for service in made:
        service.kill()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Return a username that no other test uses."""
    return f"u{abs(hash(request.node.nodeid)):x}"

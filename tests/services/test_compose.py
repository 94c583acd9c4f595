"""compose.yaml and the Dockerfile: the tutorial's set-up, checked without an engine for it."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
import pytest
import yaml

from tests.services.serving import HOST, Service, seen

Make = Callable[..., Service]
ROOT: Final = Path(__file__).parents[2]
DONALD: Final = {"username": "donald-le", "fullName": "Donald Le"}


class Part(msgspec.Struct, frozen=True):
    """What is looked at here of one service of the file."""

    environment: Mapping[str, str]
    ports: list[str]
    volumes: list[str] = []


class Compose(msgspec.Struct, frozen=True):
    """The whole file."""

    services: Mapping[str, Part]
    volumes: Mapping[str, None]


@pytest.fixture(scope="module")
def compose() -> Compose:
    """Return the file, with what its variables say when nobody sets them."""
    words = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    plain = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", words)
    return msgspec.convert(yaml.safe_load(plain), Compose)


def test_the_ports_are_those_of_the_tutorial(compose: Compose) -> None:
    """Who follows the tutorial types its ports; none of them is open to other machines."""
    ports = {name: part.ports for name, part in compose.services.items()}
    assert ports == {
        "postgres": ["127.0.0.1:5432:5432"],
        "eventstore": ["127.0.0.1:1113:1113", "127.0.0.1:2113:2113"],
        "service": ["127.0.0.1:5000:5000"],
    }


def test_every_database_keeps_its_data_in_a_named_volume(compose: Compose) -> None:
    """`docker compose down` must not lose what was stored; only `down --volumes` says so."""
    used = {
        volume.partition(":")[0]: volume.partition(":")[2]
        for part in compose.services.values()
        for volume in part.volumes
    }
    assert used == {
        "postgres-data": "/var/lib/postgresql/data",
        "eventstore-data": "/var/lib/eventstore",
        "eventstore-logs": "/var/log/eventstore",
    }
    assert set(compose.volumes) == set(used)


def test_the_event_store_is_set_as_in_the_tutorial(compose: Compose) -> None:
    """One node, standard projections, no encryption, AtomPub: what its dashboard needs."""
    settings = compose.services["eventstore"].environment
    assert settings["EVENTSTORE_CLUSTER_SIZE"] == "1"
    assert settings["EVENTSTORE_RUN_PROJECTIONS"] == "All"
    for switch in (
        "EVENTSTORE_START_STANDARD_PROJECTIONS",
        "EVENTSTORE_INSECURE",
        "EVENTSTORE_ENABLE_ATOM_PUB_OVER_HTTP",
    ):
        assert settings[switch] == "true"


def test_the_service_runs_with_the_settings_of_the_file(
    compose: Compose, make_service: Make, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that the service does not know, or a URL it cannot use, stops it at once."""
    password = compose.services["postgres"].environment["POSTGRES_PASSWORD"]
    theirs = f"postgresql://postgres:{password}@postgres:5432/postgres"
    for variable, value in compose.services["service"].environment.items():
        assert "@" not in value or value == theirs
        monkeypatch.setenv(variable, value.replace(theirs, postgres_url))
    service = make_service()
    service.start("--host", HOST)  # "0.0.0.0" is for the container; the port is any free one
    with service.client() as client:
        found = seen(client, client.post("/users", json=DONALD), "/users/donald-le")
        assert found.json()["id"] == 1
        assert client.get("/readyz").status_code == 200
    assert service.stop() == 0
    assert not list(service.data.glob("*.db"))


def test_what_the_image_copies_is_sent_to_the_engine() -> None:
    """The ignore file lets through a short list, which has to be the list that is copied."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1]}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_installs_extras_that_there_are() -> None:
    """An unknown extra is a mere warning to pip, which then installs less."""
    words = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    asked = re.search(r"pip install --constraint (\S+) (.+)", words)
    assert asked is not None
    constraint, [wanted] = asked[1], shlex.split(asked[2])
    assert (ROOT / constraint).is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(wanted.removeprefix(".[").removesuffix("]").split(","))
    assert extras == {"postgres", "telemetry"}
    assert extras <= set(project["optional-dependencies"])

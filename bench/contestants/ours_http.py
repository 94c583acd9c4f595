"""The demo's user service as a user starts it, with its defaults; and its CRUD twin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from bench import place
from bench.contestants.user_service import Service, measure_gets, measure_posts
from bench.job import Job
from bench.meter import Meter
from bench.servers import HOST, free_port, serving

Measure = Callable[[Job, Meter], None]


@contextmanager
def _service(job: Job, module: str) -> Iterator[Service]:
    port = free_port()
    options = ["--data", str(job.folder / "data"), "--host", HOST, "--port", str(port)]
    if place.is_postgres():
        url = place.url_of(job.folder, "")
        options += ["--store", url, "--read-model", url]
    command = [sys.executable, "-m", module, *options]
    with serving(command, port, folder=job.folder) as peak:
        yield port, peak


def _post_users(job: Job, meter: Meter, *, module: str) -> None:
    with _service(job, module) as service:
        measure_posts(*service, meter)


def _get_users(job: Job, meter: Meter, *, module: str) -> None:
    with _service(job, module) as service:
        measure_gets(*service, meter)


def measures_of(module: str) -> dict[str, Measure]:
    """Return the measures of the service that *module* runs."""
    return {
        "post_users": partial(_post_users, module=module),
        "get_users": partial(_get_users, module=module),
    }


MEASURES = measures_of("backstory.demo.crud")
PREPARES: dict[str, object] = {}

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.services.serving import Service

# Left out is what the page cannot say: whether a position or revision exists (a request that keeps
# to the page may rightly be refused), that the history of a deleted user is still told, and that a
# read without a position may come before the row it asks for.
LEFT_OUT = "positive_data_acceptance,use_after_free,ensure_resource_availability"
COMMAND = [
    *(sys.executable, "-m", "schemathesis.cli", "--config-file", "/dev/null", "run"),
    *("--exclude-checks", LEFT_OUT, "--warnings", "off", "--no-color"),
    *("--max-time", "8", "--max-examples", "40"),
    "--generation-deterministic",  # what is found today must not be lost, or new, tomorrow
]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", ["event_sourced", "crud"])
def test_the_service_keeps_what_its_openapi_page_says(
    request: pytest.FixtureRequest, way: str
) -> None:
    """Whatever the page allows or forbids: documented statuses and shapes, and never a 500."""
    service: Service = request.getfixturevalue(way)
    done = subprocess.run(  # noqa: S603 - our own Python
        [*COMMAND, f"{service.url}/schema/openapi.json"],
        cwd=service.data,
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_for_people_is_there(event_sourced: Service) -> None:
    """The address that the service shows when it starts."""
    with event_sourced.client() as client:
        page = client.get("/schema")
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]

"""A real browser, and servers for it to look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser.browsed import Browsed, make_big

CI = os.environ.get("CI") == "true"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the system's Chromium; without one the run fails in CI and is skipped elsewhere.

    `requirements/chromium`, which `make test` runs first, puts one there in CI.
    It goes with its module: while it is there an event loop runs, beside which no other test can
    run one of its own.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        reason = "no Chromium on the path; `apt-get install chromium`"
        if CI:
            pytest.fail(reason)
        pytest.skip(reason)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=arguments)
        yield launched
        launched.close()


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """Give both themes."""
    return str(request.param)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Give a browser that has seen nothing yet."""
    made = browser.new_context(viewport={"width": 1440, "height": 900})
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Give a page; whatever it says on its console, violations of its policy among it, fails."""
    said: list[str] = []
    opened = context.new_page()

    def hear(message: ConsoleMessage) -> None:
        said.append(f"{message.type}: {message.text}")

    opened.on("console", hear)
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.set_default_timeout(10_000)
    yield opened
    assert said == []


@pytest.fixture(scope="session")
def browsed() -> Iterator[Browsed]:
    """Give a server with the story of a few orders that all tests of this process share."""
    server = Browsed("memory:")
    server.tell_the_story()
    yield server
    server.close()


@pytest.fixture
def own_browsed() -> Iterator[Browsed]:
    """Give an empty server that is this test's alone."""
    server = Browsed("memory:")
    yield server
    server.close()


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsed]:
    """Give a server with 1,000,000 events, 10 in each stream."""
    path = tmp_path_factory.mktemp("big") / "events.db"
    make_big(path)
    server = Browsed(f"sqlite:///{path}")
    yield server
    server.close()

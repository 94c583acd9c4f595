"""Draws the pictures of the readme anew, from a real store in a real browser: `make pictures`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

from backstory import NewEvent
from tests.browser.browsed import Browsed

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZE = {"width": 1200, "height": 520}
BEGAN = datetime(2026, 3, 2, 14, 20, 58, 120_000, tzinfo=UTC)
PLACES = {"events": "/events", "event": "/events/9"}


def ticking() -> Callable[[], datetime]:
    """Return a clock that goes on by some seconds whenever it is asked."""
    steps = iter(range(10_000_000))
    return lambda: BEGAN + timedelta(milliseconds=1_337 * next(steps))


def tell(browsed: Browsed) -> None:
    """Let three people order; the payment of the second fails once."""

    def happens(stream: str, kind: str, web: str, **data: object) -> None:
        metadata = {"$correlationId": web}
        browsed.append(stream, [NewEvent.of(kind, data, metadata=metadata)])

    happens("user-ada", "user-created", "web-1", username="ada", fullName="Ada Lovelace")
    happens("user-alan", "user-created", "web-2", username="alan", fullName="Alan Turing")
    happens("order-4710", "order-placed", "web-3", customer="ada", total=18.5)
    happens("order-4710", "order-paid", "web-3", method="card", total=18.5)
    happens("order-4711", "order-placed", "web-4", customer="alan", total=53.91)
    happens("order-4711", "line-added", "web-4", sku="BK-2041", quantity=2, price=12.5)
    happens("order-4711", "line-added", "web-4", sku="PN-7", quantity=1, price=28.91)
    happens("order-4711", "payment-failed", "web-4", method="card", reason="limit")
    happens("order-4711", "order-paid", "web-5", method="invoice", total=53.91)
    happens("order-4710", "order-shipped", "web-6", carrier="post", parcels=1)


def draw() -> None:
    """Write each picture, light and dark."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    browsed = Browsed("memory:", clock=ticking(), shown_url="sqlite:///events.db")
    tell(browsed)
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme, viewport=SIZE)  # type: ignore[arg-type]  # one of two words
            for name, place in PLACES.items():
                page.goto(f"{browsed.url}{place}")
                page.screenshot(path=FOLDER / f"{name}-{scheme}.png")
        browser.close()
    browsed.close()


if __name__ == "__main__":
    draw()

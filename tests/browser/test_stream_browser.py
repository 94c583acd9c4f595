"""What people do in the Stream Browser, in a real browser under a strict policy."""

from __future__ import annotations

import re

import pytest
from kurrentdbclient import KurrentDBClient
from playwright.sync_api import Browser, BrowserContext, Page, expect

from backstory import NewEvent
from tests.browser.browsed import Browsed


def happened(number: int) -> NewEvent:
    """Return an event that can be recognised."""
    return NewEvent.of("happened", {"n": number})


def test_the_clicks_of_the_tutorial(browser: Browser, browsed: Browsed, scheme: str) -> None:
    """Open the port, the Stream Browser, the stream, the event; see its data. While gRPC runs."""
    said: list[str] = []
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    with KurrentDBClient(browsed.esdb) as client, client.subscribe_to_all():
        page.goto(browsed.url)
        expect(page).to_have_title(re.compile("Stream Browser"))
        page.get_by_role("link", name="user-donald").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("user-donald")
        page.get_by_role("link", name="Event 0 of user-donald").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("user-created")
        expect(page.locator(".json").first).to_contain_text('"fullname": "Donald Duck"')
        dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert dark == ("rgb(14, 17, 21)" if scheme == "dark" else "rgb(249, 250, 251)")
        assert page.request.get(f"{browsed.url}/health/live").status == 204
    context.close()
    assert said == []


def test_a_theme_can_be_chosen_and_is_kept(page: Page, browsed: Browsed) -> None:
    """Against that of the system."""
    page.goto(browsed.url)
    page.get_by_role("button", name="Dark").click()
    page.goto(f"{browsed.url}/events")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Light")).to_be_visible()


def test_old_pages_and_back_again(page: Page, browsed: Browsed) -> None:
    """Buttons keep their places; the address says where one is."""
    page.goto(f"{browsed.url}/streams/order-4711")
    newer = page.locator(".pager .button", has_text="Newer")
    expect(newer).to_have_attribute("aria-disabled", "true")
    page.get_by_role("link", name="Older", exact=True).click()
    expect(page).to_have_url(re.compile("before=30"))
    expect(page.locator("tbody tr")).to_have_count(30)
    page.get_by_role("link", name="Newest").click()
    expect(page.locator("tbody tr")).to_have_count(100)


def test_a_filter_is_chips_that_can_be_taken_away(page: Page, browsed: Browsed) -> None:
    """A click on a type filters by it."""
    page.goto(f"{browsed.url}/events")
    page.get_by_role("link", name="order-paid").first.click()
    expect(page.locator(".chips li")).to_have_text(re.compile("type:order-paid"))
    expect(page.locator("tbody tr")).to_have_count(1)
    field = page.get_by_label("Filter", exact=True).and_(page.locator("input"))
    field.fill("type:order-paid data.total>60")
    field.press("Enter")
    expect(page.locator(".empty")).to_contain_text("Nothing matches")
    page.get_by_label("Without data.total>60").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_new_events_arrive_where_one_looks(page: Page, own_browsed: Browsed) -> None:
    """At the top; under a reader nothing moves, there is a pill."""
    own_browsed.append("s-1", [happened(0)])
    page.goto(f"{own_browsed.url}/streams/s-1")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    own_browsed.append("other-1", [happened(1)])
    own_browsed.append("s-1", [happened(2), happened(3)])
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody tr").first).to_contain_text('"n":3')
    expect(page.locator("[data-said]")).to_have_text("2 new events")
    page.locator("tbody tr").last.hover()
    own_browsed.append("s-1", [happened(4)])
    pill = page.get_by_role("button", name="1 new event")
    expect(pill).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(3)
    pill.click()
    expect(page.locator("tbody tr")).to_have_count(4)


def test_a_hundred_thousand_new_events_do_not_drown_the_page(
    page: Page, own_browsed: Browsed
) -> None:
    """There are never more rows than anybody could read."""
    page.goto(f"{own_browsed.url}/events")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    for start in range(0, 20_000, 2_000):
        own_browsed.append("s-1", [happened(start + n) for n in range(2_000)])
    expect(page.get_by_role("button", name=re.compile("load the page anew"))).to_be_visible()
    page.get_by_role("button", name=re.compile("load the page anew")).click()
    expect(page.locator("tbody tr").first).to_contain_text('"n":19999')
    assert page.locator("tbody tr").count() <= 200


def test_the_live_list_goes_on_after_a_restart(
    context: BrowserContext, own_browsed: Browsed
) -> None:
    """Without a gap; that the connection was lost the browser itself says on its console."""
    page = context.new_page()
    page.goto(f"{own_browsed.url}/streams/s-1")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    own_browsed.stop()
    expect(page.locator("[data-live-state]")).to_have_text("Connecting…")
    own_browsed.start()
    own_browsed.append("s-1", [happened(7)])
    expect(page.locator("tbody tr")).to_have_count(1, timeout=15_000)
    expect(page.locator("[data-live-state]")).to_have_text("Live")


def test_eight_tabs_share_one_connection(context: BrowserContext, own_browsed: Browsed) -> None:
    """A browser opens six to one host; the seventh tab would not load."""
    tabs = [context.new_page() for _ in range(8)]
    for tab in tabs:
        tab.goto(f"{own_browsed.url}/events")
        expect(tab.locator("[data-live-state]")).to_have_text("Live")
    own_browsed.append("s-1", [happened(1)])
    tabs[7].bring_to_front()
    expect(tabs[7].locator("tbody tr")).to_have_count(1)


def test_everything_can_be_reached_by_keys(page: Page, browsed: Browsed) -> None:
    """Rows, pages, types, the search field; and keys never act while one types."""
    page.goto(f"{browsed.url}/streams/order-4711")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("line-added")
    page.go_back()
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile("before=30"))
    page.keyboard.press("h")
    expect(page).to_have_url(re.compile("after="))
    page.keyboard.press("j")
    page.keyboard.press("t")
    expect(page).to_have_url(re.compile("filter=type%3Aline-added"))
    page.keyboard.press("/")
    page.keyboard.type("order-4712 gjk")
    expect(page.locator("[data-jump]")).to_have_value("order-4712 gjk")
    page.locator("[data-jump]").fill("order-4712")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("order-4712")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("turn single keys off").check()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("e")
    expect(page.get_by_role("heading", level=1)).to_have_text("order-4712")


def test_pages_are_read_without_scripts(browser: Browser, browsed: Browsed) -> None:
    """What scripts do is an addition."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{browsed.url}/streams/order-4711")
    assert page.locator("tbody tr").count() == 100
    page.get_by_role("link", name="Event 129 of order-4711").click()
    assert "BK-129" in page.locator(".json").first.inner_text()
    assert page.locator("[data-copy]:visible").count() == 0
    context.close()


@pytest.mark.parametrize("path", ["/", "/streams", "/events", "/streams/order-4711", "/events/1"])
@pytest.mark.parametrize("width", [320, 390, 1440])
def test_pages_fit_any_screen(page: Page, browsed: Browsed, path: str, width: int) -> None:
    """Nothing is wider than the window, and what can be pressed is large enough."""
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{browsed.url}{path}")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    buttons = page.locator("button:visible, .button:visible")
    for number in range(buttons.count()):
        box = buttons.nth(number).bounding_box()
        assert box is not None
        assert box["height"] >= 24


def test_every_page_has_landmarks_labels_and_one_heading(page: Page, browsed: Browsed) -> None:
    """What those hear who do not see it."""
    for path in ("/", "/streams", "/events", "/streams/order-4711", "/events/1", "/types"):
        page.goto(f"{browsed.url}{path}")
        for role in ("banner", "main", "contentinfo"):
            assert page.get_by_role(role).count() == 1, (path, role)
        assert page.locator("h1").count() == 1
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("a, button, input:not([type=hidden])")].filter(
                (one) => one.checkVisibility() && !(one.textContent.trim()
                    || one.getAttribute("aria-label") || one.labels?.length)
            ).map((one) => one.outerHTML)"""
        )
        assert unnamed == [], path
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.textContent") == "Skip to the content"

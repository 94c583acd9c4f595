"""Every page, of every store, as HTML and as JSON."""

from __future__ import annotations

import gzip
import html
import re
from urllib.parse import urljoin

import httpx
import pytest
from msgspec.structs import replace

from backstory import EventStore, NewEvent
from backstory.core.read import Read
from backstory.dashboard.static import static_files
from backstory.stores.memory import MemoryStore
from tests.unit.dashboard.conftest import HOSTILE, hostile, serving, story

PAGES = (
    "/", "/streams", "/streams?prefix=order", "/streams/order-1", "/streams/nobody",
    "/events", "/events?filter=type:order-paid", "/events?filter=no-such-word", "/types",
    "/trace?correlation=web-1", "/streams/gone-1", "/events?before=100", "/events?after=3",
)  # fmt: skip


def links(page: httpx.Response) -> list[str]:
    """Return where the links of *page* lead."""
    found = re.findall(r'(?:href|src|action|data-live)="([^"]*)"', page.text)
    return [urljoin(str(page.url), html.unescape(link)) for link in found]


def twin_of(page: httpx.Response) -> str:
    """Return the address of the twin that *page* names."""
    [found] = re.findall(r'rel="alternate" type="application/json" href="([^"]*)"', page.text)
    return html.unescape(str(found))


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_has_a_twin_and_says_nothing_more_than_it_should(
    any_store: EventStore, path: str
) -> None:
    """The same model, the same status; nothing that a store holds is taken for markup."""
    async with serving(any_store) as http:
        page = await http.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["content-security-policy"].startswith("default-src 'self'")
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<script>|<b>|<i>|alert\(1\)</script>", page.text)
        assert not re.search("[\u202e\u2028\u0000]", page.text)
        assert " style=" not in page.text
        assert page.text.count("<h1") == 1
        twin = twin_of(page)
        answer = await http.get(twin)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert isinstance(answer.json(), dict)


async def test_hostile_names_lead_where_they_should() -> None:
    """From the directory to the stream to its event, each by its link."""
    store = await hostile()
    async with serving(store) as http:
        found = (await http.get("/streams.json")).json()["streams"]
        found += (await http.get("/streams.json?prefix=$")).json()["streams"]
        assert {each["stream"] for each in found} == set(HOSTILE)
        for each in found:
            page = await http.get(each["href"])
            assert page.status_code == 200, each
            twin = twin_of(page)
            shown = (await http.get(twin)).json()
            assert shown["stream"] == each["stream"]
            [event] = shown["events"]
            assert (await http.get(event["href"])).status_code == 200
            filtered = await http.get(event["type_href"].replace("/events?", "/events.json?"))
            assert event["position"] in {row["position"] for row in filtered.json()["events"]}
            jumped = await http.get("/go", params={"to": each["stream"]})
            assert jumped.status_code == 303
    await store.close()


async def test_pages_of_a_stream_hold_every_event_once() -> None:
    """By its buttons, to the oldest and back."""
    store = await story()
    async with serving(store) as http:
        seen: list[int] = []
        href = "/streams/order-1"
        while href:
            page = (await http.get(_twin(href))).json()
            seen += [row["revision"] for row in page["events"]]
            href = page["older_href"]
        assert seen == list(range(250, -1, -1))
        oldest = (await http.get("/streams/order-1.json")).json()["oldest_href"]
        page = (await http.get(_twin(oldest))).json()
        assert [row["revision"] for row in page["events"]] == list(range(99, -1, -1))
    await store.close()


def _twin(href: str) -> str:
    path, mark, query = href.partition("?")
    return f"{path}.json{mark}{query}"


async def test_an_event_shows_its_data_as_it_was_written_and_what_is_around_it() -> None:
    """Numbers keep their spelling; causes and effects are linked."""
    store: EventStore = MemoryStore()
    await store.append("s-1", [NewEvent("a", b'{"price":1.50,"big":12345678901234567890123}')])
    async with serving(store) as http:
        page = await http.get("/events/1")
        assert '<span class="number">1.50</span>' in page.text
        assert "12345678901234567890123" in page.text
    await store.close()
    store = await story()
    async with serving(store) as http:
        shown = (await http.get("/events/251.json")).json()
        assert [row["type"] for row in shown["caused"]] == ["mail-sent"]
        assert shown["correlation_href"] == "/trace?correlation=web-1"
        again = await http.get(f"/events/{shown['event']['id']}.json")
        assert again.json()["event"] == shown["event"]
        effect = (await http.get("/events/252.json")).json()
        assert effect["cause"]["position"] == 251
    await store.close()


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/events/99999", 404, "no event 99999"),
        ("/events/nonsense", 404, "no event nonsense"),
        ("/nothing", 404, "no such page"),
        ("/static/other.css", 404, "no such file"),
        ("/events?filter=after:soon", 400, "write 2026-03-01"),
        ("/events?before=x", 400, "before is a whole number"),
        ("/events?before=99999999999999999999", 400, "64 bits"),
        ("/trace", 400, "correlation"),
        ("/streams/a?before=1.5", 400, "whole number"),
    ],
)
async def test_what_cannot_be_shown_is_told(path: str, status: int, said: str) -> None:
    """As a page, and as JSON."""
    store = await story()
    async with serving(store) as http:
        page = await http.get(path)
        assert page.status_code == status
        assert said in html.unescape(page.text)
        assert page.headers["content-security-policy"]
        answer = await http.get(_twin(path))
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert said in answer.json()["message"]
        for method in ("POST", "PUT", "DELETE"):
            refused = await http.request(method, path)
            assert refused.status_code in {404, 405}
    await store.close()


async def test_a_store_that_is_closed_is_told() -> None:
    """With 503, for whoever asks again later."""
    store = await story()
    await store.close()
    async with serving(store) as http:
        page = await http.get("/streams/order-1")
    assert page.status_code == 503
    assert "The store" in page.text


@pytest.mark.parametrize(("prefix", "root"), [("/a/b", ""), (None, "/a/b"), ("/c/", "/a/b")])
async def test_mounted_elsewhere_every_link_stays_there(
    any_store: EventStore, prefix: str | None, root: str
) -> None:
    """Behind a proxy, or in another application; all links that can be reached are followed."""
    begins = f"http://test{(prefix or root).rstrip('/')}/"
    async with serving(any_store, prefix, root) as http:
        waiting, seen = [begins], set[str]()
        while waiting and len(seen) < 60:
            link = waiting.pop()
            if link in seen or "/live?" in link:
                continue
            seen.add(link)
            assert link.startswith(begins), link
            inner = link if root and not prefix else link.replace(begins, f"http://test{root}/")
            page = await http.get(inner)
            assert page.status_code in {200, 303, 400, 404}, link
            if page.headers["content-type"] == "text/html; charset=utf-8":
                waiting += [each.replace(f"http://test{root}/", begins) for each in links(page)]
        assert len(seen) > 8


async def test_files_are_kept_for_ever_and_small() -> None:
    """Their names change with what they hold; scripts and style stay within their budget."""
    store = MemoryStore()
    async with serving(store) as http:
        for name, file in static_files().items():
            answer = await http.get(f"/static/{name}")
            assert answer.content == file.content
            assert "immutable" in answer.headers["cache-control"]
    sizes = dict.fromkeys(("js", "css", "svg"), 0)
    for name, file in static_files().items():
        sizes[name.rpartition(".")[2]] += len(gzip.compress(file.content))
    assert sizes["js"] <= 20_000
    assert sizes["css"] <= 10_000


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("", "/streams"),
        ("251", "/events/251"),
        ("order-1", "/streams/order-1"),
        ("orde", "/streams?prefix=orde"),
        ("type:a b", "/events?filter=type%3Aa+b"),
        ("after:x", "/events?filter=after%3Ax"),
        ("01890a5d-ac96-774b-bcce-b302099a8057", "/events/01890a5d-ac96-774b-bcce-b302099a8057"),
    ],
)
async def test_the_search_field_leads_to_what_was_meant(to: str, leads: str) -> None:
    """A position, a stream, the beginning of one, a filter, an id."""
    store = await story()
    async with serving(store) as http:
        answer = await http.get("/go", params={"to": to})
        assert (answer.status_code, answer.headers["location"]) == (303, leads)
        old = await http.get("/web/index.html")
        assert (old.status_code, old.headers["location"]) == (302, "/")
    await store.close()


async def test_a_damaged_event_is_shown_as_bytes() -> None:
    """The page of its stream still works."""
    store = await story()
    [event] = await store.read(Read(after=0, limit=1))
    store._log[0] = replace(event, data=b"\xff{", metadata=b"[")  # type: ignore[attr-defined]  # noqa: SLF001 - it breaks
    async with serving(store) as http:
        page = await http.get("/events/1")
        assert (page.status_code, "(no JSON)" in page.text) == (200, True)
        assert (await http.get("/events?after=0")).status_code == 200
    await store.close()

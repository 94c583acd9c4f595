"""The twins of the Stream Browser on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory import NewEvent, open_store
from tests.services.command import backstory, filled, in_terminal

HOSTILE = "a-\u202etxt".replace("\u202e", "<script>'\"")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Give a store in which one order caused a mail."""
    url = f"sqlite:///{tmp_path / 'events.db'}"

    async def fill() -> None:
        store = await open_store(url)
        for number in range(5):
            await store.append(f"order-{number}", [NewEvent.of("placed", {"total": number * 50})])
        paid = NewEvent.of("paid", {"by": "Ann"}, metadata={"$correlationId": "web-1"})
        meta = {"$correlationId": "web-1", "$causationId": str(paid.id)}
        await store.append("order-1", [paid])
        await store.append("mail-1", [NewEvent.of("sent", {"to": "Ann"}, metadata=meta)])
        await store.append("$$order-1", [NewEvent.of("$metadata", {"$maxCount": 9})])
        await store.append(HOSTILE, [NewEvent.of("odd", {"\u001b[31m": "\u202e"})])
        await store.close()

    asyncio.run(fill())
    return url


def column(lines: list[str], number: int) -> list[str]:
    """Return one field of each line."""
    return [line.split("\t")[number] for line in lines]


def test_events_are_listed_newest_first_under_a_filter(url: str) -> None:
    """With the way on told, and system events left out."""
    done = backstory("events", url)
    assert column(done.lines, 0) == ["9", "7", "6", "5", "4", "3", "2", "1"]
    assert column(backstory("events", url, "type:placed", "data.total>=100").lines, 0) == [
        "5", "4", "3",
    ]  # fmt: skip
    part = backstory("events", url, "type:placed data.total>=100", "--limit", "2")
    assert "--before 4 goes on" in part.err
    assert column(backstory("events", url, "--before", "4", "--limit", "1").lines, 0) == ["3"]
    assert column(backstory("events", url, "--after", "6").lines, 0) == ["9", "7"]
    assert "$metadata" in column(backstory("events", url, "is:system").lines, 4)
    assert backstory("events", url, "nothing-like-it").err == "nothing matches\n"


def test_a_filter_that_means_nothing_is_refused(url: str) -> None:
    """With exit code 2 and a way out."""
    done = backstory("events", url, "after:yesterday")
    assert (done.code, done.out) == (2, "")
    assert "write 2026-03-01" in done.err
    assert backstory("events", url, "--before", "1", "--after", "2").code == 2


def test_events_without_time_for_all_of_them_say_how_far_was_looked(tmp_path: Path) -> None:
    """And go on from there."""
    url = filled(tmp_path / "many.db", {"member-1": 2_000})
    done = backstory("events", url, "data.n=1", "--seconds", "0")
    assert (done.code, done.out) == (0, "")
    assert "partial: looked as far as 1,745; --before 1745 goes on" in done.err


def test_search_takes_words_as_they_are(url: str) -> None:
    """All of them, anywhere in data or metadata."""
    found = backstory("search", url, "Ann")
    assert column(found.lines, 0) == ["7", "6"]
    assert column(backstory("search", url, "Ann", "web-1", "--limit", "1").lines, 0) == ["7"]
    nothing = backstory("search", url, "type:placed")
    assert (nothing.code, nothing.out, nothing.err) == (1, "", "nothing matches\n")
    assert len(backstory("search", url, "maxCount", "--json").objects) == 1


def test_streams_are_listed_by_name(url: str) -> None:
    """A page at a time; those of the system only when asked for."""
    rows = backstory("streams", url, "--prefix", "order-", "--limit", "2")
    assert column(rows.lines, 0) == ["order-0", "order-1"]
    assert "--after=order-1 goes on" in rows.err
    more = backstory("streams", url, "--after", "order-3")
    assert column(more.lines, 0) == ["order-4"]
    [system] = backstory("streams", url, "--prefix", "$", "--json").objects
    assert (system["stream"], system["revision"], system["ended"]) == ("$$order-1", 0, False)
    assert HOSTILE in column(backstory("streams", url).lines, 0)


def test_types_are_listed_by_name(url: str) -> None:
    """With where they occur first and last."""
    rows = [line.split("\t")[:3] for line in backstory("types", url, "--prefix", "p").lines]
    assert rows == [["paid", "6", "6"], ["placed", "1", "5"]]
    assert backstory("types", url, "--prefix", "zz").err == "there is no such type\n"
    [sent] = backstory("types", url, "--prefix", "sent", "--json").objects
    assert sent["last_position"] == 7


def test_an_event_is_shown_with_what_is_around_it(url: str) -> None:
    """By position and by id; one that is not there is told with exit code 1."""
    [shown] = backstory("event", url, "6", "--json").objects
    assert (shown["caused"], shown["caused_complete"], shown["correlation"]) == ([7], True, "web-1")
    assert (shown["previous_in_stream"], shown["next_of_type"]) == (2, None)
    event = shown["event"]
    assert isinstance(event, dict)
    again = backstory("event", url, str(event["id"]))
    assert ["type", "paid"] in [line.split("\t") for line in again.lines]
    assert ["caused", "7", "mail-1", "0", "sent"] in [line.split("\t") for line in again.lines]
    gone = backstory("event", url, "77")
    assert (gone.code, gone.err) == (1, "there is no event 77\n")


def test_a_trace_shows_what_caused_what(url: str) -> None:
    """As a tree."""
    lines = [line.split("\t") for line in backstory("trace", url, "web-1").lines]
    assert [(line[0], line[5]) for line in lines] == [("0", "paid"), ("1", "sent")]
    first, second = backstory("trace", url, "web-1", "--json").objects
    assert (first["delay_us"], first["missing_cause"], second["depth"]) == (None, None, 1)
    assert isinstance(second["delay_us"], int)
    assert backstory("trace", url, "web-2").code == 1


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("events",), "recorded at"),
        (("streams",), "revision"),
        (("types",), "first position"),
        (("event", "9"), "\\u001b[31m"),
        (("trace", "web-1"), "└─"),
        (("search", "Ann"), "mail-1"),
    ],
)
def test_a_person_gets_columns_that_no_event_can_drive(
    url: str, command: tuple[str, ...], shown: str
) -> None:
    """Whatever strangers wrote into names and data."""
    name, *rest = command
    code, screen = in_terminal(name, url, *rest)
    assert code == 0
    assert shown in screen.replace("\u001b[0m", "")
    assert "\u202e" not in screen
    assert '"\u001b[31m"' not in screen

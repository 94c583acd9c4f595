from __future__ import annotations

from pathlib import Path

import pytest

from tests.services.command import backstory, filled, in_terminal


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Give a store of two categories."""
    return filled(tmp_path / "events.db", {"member-1": 3, "member-2": 1, "club": 2})


def test_programs_get_one_object(url: str) -> None:
    """The numbers of the contract, exact."""
    done = backstory("stats", url, "--json")
    assert (done.code, done.err) == (0, "")
    [found] = done.objects
    assert str(found.pop("first_recorded_at")) <= str(found.pop("last_recorded_at"))
    assert found == {
        "head": 6,
        "complete": True,
        "counted_to": 6,
        "events": 6,
        "streams": 3,
        "payload_bytes": 6 * len('{"n":0}{}'),
        "categories": [{"name": "member", "events": 4}, {"name": "club", "events": 2}],
        "other_categories": 0,
        "types": [{"name": "joined", "events": 6}],
        "other_types": 0,
    }


def test_a_pipe_gets_rows(url: str) -> None:
    """One name and one number a line, for `grep` and `awk`."""
    rows = [line.split("\t") for line in backstory("stats", url).lines]
    assert ["events", "6"] in rows
    assert ["category", "member", "4"] in rows
    assert ["type", "joined", "6"] in rows


def test_an_answer_that_ran_out_of_time_says_so(tmp_path: Path) -> None:
    """A partial count is called one, in words and in JSON."""
    url = filled(tmp_path / "large.db", {"member-1": 10_000, "member-2": 1})
    done = backstory("stats", url, "--seconds", "0")
    assert done.code == 0
    assert "partial: counted up to position 5,000 of 10,001" in done.err
    [found] = backstory("stats", url, "--seconds", "0", "--json").objects
    assert (found["complete"], found["counted_to"], found["head"]) == (False, 5_000, 10_001)


def test_an_empty_store_is_counted_too(tmp_path: Path) -> None:
    """Nothing is a number as well."""
    [found] = backstory("stats", filled(tmp_path / "new.db", {}), "--json").objects
    assert (found["events"], found["first_recorded_at"]) == (0, None)


def test_a_person_gets_tables(url: str) -> None:
    """Aligned, with what there is most of on top."""
    code, shown = in_terminal("stats", url)
    assert code == 0
    assert shown.index("payload bytes") < shown.index("member") < shown.index("club")

"""A scrubbed capture hides people, and the bug is still in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import pytest

from backstory import Application, EventType, Personal, Schema
from tests.services import purses
from tests.services.command import backstory
from tests.services.purses import Paid

OWNERS: Final = ("Wilhelmine", "Ramanujan", "Scheherazade")
NOTES: Final = ("paid to Scheherazade", "for Wilhelmine's sister", "Ramanujan owes")
DEBT: Final = "nobody is in debt"


class Opened(msgspec.Struct, frozen=True):
    """Somebody has a purse; who, is personal."""

    owner: Annotated[str, Personal]


class Noted(msgspec.Struct, frozen=True):
    """Money came in, or went out; what is written there is personal."""

    amount: int
    note: Annotated[str, Personal] = ""


app: Final = Application(
    name="purses", schema=Schema(EventType("opened", Opened), EventType("paid", Noted))
)
APP: Final = f"{__name__}:app"


@pytest.fixture
def events(tmp_path: Path) -> str:
    """Return a store in which people with rare names owe money."""
    happened: list[tuple[str, object]] = []
    for owner, note in zip(OWNERS, NOTES, strict=True):
        happened += [(owner, purses.Opened(owner)), (owner, Paid(3, note)), (owner, Paid(-9, note))]
    return purses.stored(tmp_path / "events.db", happened)


def policy(folder: Path, text: str) -> str:
    """Return the name of a file with the policy *text*."""
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


HIDE: Final = """
[streams]
purse = "pseudonym"
[events.opened.fields]
owner = "pseudonym"
[events.paid.fields]
amount = "keep"
note = "pseudonym"
"""


def test_a_scrubbed_capture_hides_people_and_keeps_the_bug(events: str, tmp_path: Path) -> None:
    """None of the original values stands in the file; the check fails as it did."""
    file = tmp_path / "bug.capture"
    done = backstory(
        *("capture", events, "--app", purses.APP, "--out", str(file), "--fails", DEBT, "--json"),
        *("--scrub", policy(tmp_path, HIDE)),
    )
    assert done.code == 0, done.err
    assert done.objects[0]["scrubbed"] is True
    written = file.read_bytes()
    for value in (*OWNERS, *NOTES):
        assert value.encode() not in written
        assert value.lower().encode() not in written.lower()
    again = backstory("reproduce", str(file), "--json")
    assert again.objects[0]["verdict"] == "REPRODUCED"
    shown = backstory("as-of", str(file), "--app", purses.APP, "--table", "purse").lines
    assert [line.split("\t")[2] for line in shown] == ["-6", "-6", "-6"]
    assert len({line.split("\t")[1] for line in shown}) == 3


def test_the_same_key_makes_the_same_pseudonyms(events: str, tmp_path: Path) -> None:
    """Two captures can be compared; with another key they cannot."""
    key = tmp_path / "key"
    key.write_text("k" * 64)
    rules = policy(tmp_path, HIDE)

    def owners(name: str, *arguments: str) -> list[str]:
        file = str(tmp_path / name)
        made = backstory(
            *("capture", events, "--app", purses.APP, "--out", file, "--scrub", rules, *arguments)
        )
        assert made.code == 0, made.err
        query = backstory("as-of", file, "--app", purses.APP, "--sql", "SELECT owner FROM purse")
        return query.lines

    first = owners("one", "--scrub-key", str(key))
    assert owners("two", "--scrub-key", str(key)) == first
    assert owners("three") != first


def test_a_value_that_a_kept_field_holds_is_told(events: str, tmp_path: Path) -> None:
    """The capture is refused with it, unless one says that it may be there."""
    rules = policy(tmp_path, HIDE.replace('note = "pseudonym"', 'note = "keep"'))
    file = tmp_path / "bug.capture"
    made = ("capture", events, "--app", purses.APP, "--out", str(file), "--scrub", rules)
    refused = backstory(*made)
    assert refused.code == 1
    assert "would still be in the capture" in refused.err
    assert not file.exists()
    allowed = backstory(*made, *(f"--allow={owner}" for owner in OWNERS))
    assert allowed.code == 0, allowed.err


def test_what_is_annotated_is_hidden_without_being_asked(tmp_path: Path) -> None:
    """Nothing personal leaves by default; keeping it takes a flag, and words."""
    url = purses.stored(tmp_path / "events.db", [("ann", purses.Opened("Wilhelmine"))])
    file = tmp_path / "bug.capture"
    done = backstory("capture", url, "--app", APP, "--out", str(file))
    assert done.code == 0, done.err
    assert b"Wilhelmine" not in file.read_bytes()
    kept = tmp_path / "kept.capture"
    done = backstory("capture", url, "--app", APP, "--out", str(kept), "--no-scrub")
    assert done.code == 0
    assert "personal data is in it" in done.err
    assert b"Wilhelmine" in kept.read_bytes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[events.opned.fields]\nowner = 'drop'", "opened"),
        ("[events.opened.fields]\nownr = 'drop'", "owner"),
        ("[events.opened.fields]\nowner = 'hide'", "pseudonym"),
        ("nonsense", "policy"),
    ],
)
def test_a_wrong_policy_is_answered_with_what_could_be(
    events: str, tmp_path: Path, text: str, words: str
) -> None:
    """And nothing is written."""
    file = tmp_path / "bug.capture"
    rules = policy(tmp_path, text)
    done = backstory("capture", events, "--app", purses.APP, "--out", str(file), "--scrub", rules)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert not file.exists()

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backstory.stores.powers import POWERS
from backstory.stores.sqlite.settings import SqliteSettings
from tests.docs.reference import generated
from tests.docs.snippets import ROOT, pages


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_the_generated_pages_are_up_to_date(path: Path) -> None:
    """What the page says is what the code says; `python -m tests.docs.reference` writes it."""
    assert path.read_text(encoding="utf-8") == generated()[path]


def test_every_setting_of_the_sqlite_store_is_documented() -> None:
    """No setting is a secret, and the defaults given are the real ones."""
    page = (ROOT / "docs" / "reference" / "stores.md").read_text(encoding="utf-8")
    [section] = re.findall(r"## Settings of a SQLite store\n(.*?)\n## ", page, flags=re.DOTALL)
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section, flags=re.MULTILINE))
    settings = SqliteSettings(path=Path("events.db"))
    fields = [name for name in settings.__struct_fields__ if name != "path"]
    assert documented == {name: f"{getattr(settings, name):{_shown(name)}}" for name in fields}


def _shown(name: str) -> str:
    return "g" if name == "busy_timeout" else ""


def test_every_store_is_in_the_table() -> None:
    """The powers of every store can be looked up."""
    page = (ROOT / "docs" / "reference" / "stores.md").read_text(encoding="utf-8")
    for store in POWERS:
        assert f"| {store} |" in page


def test_every_link_leads_to_a_page() -> None:
    """No page of the documentation links to nothing."""
    for path in pages():
        text = path.read_text(encoding="utf-8")
        pictures = re.findall(r' (?:src|srcset)="([^"]+)"', text)
        for target in pictures + re.findall(r"\]\((?!http)([^)#]+)", text):
            assert (path.parent / target).exists(), f"{path}: {target}"

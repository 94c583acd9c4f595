from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.snippets import ROOT, Page, matches, pages

DATABASE = "DATABASE_URL"
"""What a page calls the URL of an empty PostgreSQL database that its reader has."""


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_snippet_does_what_the_page_says(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """A reader who follows the page sees what the page shows."""
    monkeypatch.chdir(tmp_path)
    if DATABASE in path.read_text(encoding="utf-8"):
        monkeypatch.setenv(DATABASE, request.getfixturevalue("postgres_url"))
    Page(path).run()


def test_pages_with_snippets_are_found() -> None:
    """The readme and the tutorial are among the pages run."""
    names = {str(path.relative_to(ROOT)) for path in pages()}
    assert {"README.md", "docs/tutorial/user-service.md"} <= names


def test_a_page_that_lies_is_caught(tmp_path: Path) -> None:
    """A wrong output is a failure, not a shrug."""
    page = tmp_path / "lie.md"
    page.write_text("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n")
    with pytest.raises(Exception, match="the snippet printed"):
        Page(page).run()


@pytest.mark.parametrize(
    ("expected", "shown", "same"),
    [
        ("a\nb", "a\nb", True),
        ("a\nb", "a\nc", False),
        ("a ... c", "a b c", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\n...\nd", "a\nb\nc", False),
        ("a", "a\nb", False),
    ],
)
def test_outputs_are_compared_line_by_line(expected: str, shown: str, *, same: bool) -> None:
    """Dots stand for anything; everything else must be there."""
    assert matches(expected, shown) is same

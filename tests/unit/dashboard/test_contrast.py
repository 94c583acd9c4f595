"""The colours of the style sheet, as WCAG 2.2 measures them."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STYLE = files("backstory.dashboard").joinpath("static", "style.css").read_text(encoding="utf-8")
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE
    )
}


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour such as #325ac2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str, theme: int) -> float:
    """Return the contrast of two colours of the style sheet in a theme."""
    light, dark = sorted((luminance(COLOURS[name][theme]) for name in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TEXTS = [("text", s) for s in ("bg", "surface", "sunken", "accent-bg")]
TEXTS += [("muted", s) for s in ("bg", "surface", "sunken", "accent-bg")]
TEXTS += [("accent", s) for s in ("bg", "surface", "sunken", "accent-bg")]
TEXTS += [("changed", "warn-bg"), ("ok", "bg"), ("removed", "surface")]
TEXTS += [(f"s{n}", "surface") for n in range(6)]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "surface"), TEXTS)
def test_text_can_be_read(text: str, surface: str, theme: int) -> None:
    """At least 4.5 to 1."""
    assert contrast(text, surface, theme) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_edges_of_controls_can_be_seen(theme: int) -> None:
    """At least 3 to 1."""
    assert contrast("line-strong", "surface", theme) >= 3

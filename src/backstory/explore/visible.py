"""Text that strangers wrote, shown so that nothing in it can mislead."""

from __future__ import annotations

import unicodedata


def visible(text: str, *, keep: str = "") -> str:
    r"""Return *text* with every control, format and unassigned character as `\uXXXX`.

    The characters in *keep* stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter in keep else _shown(letter) for letter in text)


def _shown(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(rf"\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))

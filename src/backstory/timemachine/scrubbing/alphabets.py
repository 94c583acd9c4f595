"""Which characters may take one another's place: those of one kind, of one part of Unicode."""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

# Parts of Unicode in which one alphabet is spread over many pages of 128; no part mixes
# characters of different lengths in UTF-8, so no pseudonym is longer than its original there.
_PARTS: Final = (
    (0x80, 0xC0),  # signs, which share their page with ASCII
    (0xC0, 0x100),  # Latin with accents, of the west of Europe
    (0x100, 0x250),  # and of the rest of the world
    (0x370, 0x3E2),  # Greek
    (0x400, 0x460),  # Cyrillic
    (0x3040, 0x3100),  # Japanese syllables
    (0x3400, 0x4DC0),  # Chinese characters, the rarer ones
    (0x4E00, 0xA000),  # Chinese characters
    (0xAC00, 0xD7A4),  # Korean syllables
    (0x20000, 0x2A6E0),  # Chinese characters, the rarest
)
_PAGE: Final = 128
_SYMBOL: Final = "So"  # emoji

Place = tuple[str, int]
"""An alphabet, and where in it a character stands."""


class Places(dict[str, Place | None]):
    """For each character its place, None for those that stay: spaces, punctuation, signs."""

    def __missing__(self, character: str) -> Place | None:
        """Find the place of a character met for the first time."""
        category = unicodedata.category(character)
        place = None
        if category[0] in "LMN" or category == _SYMBOL:
            alphabet = _alphabet(*_part(character), category, composed=_is_composed(character))
            place = (alphabet, alphabet.index(character))
        self[character] = place
        return place


def _part(character: str) -> tuple[int, int]:
    code = ord(character)
    for start, end in _PARTS:
        if start <= code < end:
            return start, end
    page = code - code % _PAGE
    return page, min(page + _PAGE, sys.maxunicode + 1)


@cache
def _alphabet(start: int, end: int, category: str, *, composed: bool) -> str:
    characters = map(chr, range(start, end))
    return "".join(
        one
        for one in characters
        if unicodedata.category(one) == category
        and _is_composed(one) == composed
        and _part(one) == (start, end)
    )


def _is_composed(character: str) -> bool:
    return unicodedata.is_normalized("NFC", character)


PLACES: Final = Places()
for _one in (ascii_lowercase, ascii_uppercase, digits):
    PLACES.update((character, (_one, index)) for index, character in enumerate(_one))

NOT_ZERO: Final = digits[1:]
HEXADECIMAL: Final = (digits + "abcdef", digits + "ABCDEF")

"""Which values were treated: enough of them to find one in a text, in memory that does not grow.

Hashes are kept in a Bloom filter: what was put in is always found, and what was not is found
once in many millions of questions up to about three million values.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Final

import msgspec

_BYTES: Final = 2**25  # 32 MiB
_unpacking: Final = struct.Struct("8I")
_unpacked: Final = _unpacking.unpack
_MOST_WORDS: Final = 8
"""A longer value is remembered in stretches of so many words, each of them found by itself."""

# Scripts that put no space between words: each of their characters counts as one.
_UNSPACED: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_SEEN: Final = "="
_FIRST: Final = "<"
_GIVEN: Final = ">"


class Found(msgspec.Struct, frozen=True):
    """A value that was treated, found in a text."""

    start: int
    end: int
    value: str


class Remembered:
    """The originals that were treated, and the pseudonyms that were given."""

    def __init__(self) -> None:
        """Remember nothing yet; memory is taken with the first value."""
        self._bits = bytearray()
        self._most_words = 1

    def add(self, original: str, pseudonym: str | None = None) -> None:
        """Remember a value that was treated, and the pseudonym it was given."""
        if not self._bits:
            self._bits = bytearray(_BYTES)
        for stretch in _stretches(original):
            self._put(_SEEN + stretch)
            if not stretch.isalnum() or not stretch.isascii():
                words = _WORD.findall(stretch)
                self._most_words = max(self._most_words, len(words))
                self._put(_FIRST + words[0])
        if pseudonym is not None:
            for stretch in _stretches(pseudonym):
                self._put(_GIVEN + stretch)

    def found_in(self, text: str) -> Iterator[Found]:
        """Yield the values that *text* holds as whole words.

        Where one is part of another, the longer one. A value is found by what stands between its
        first and its last letter or digit.
        """
        if not self._bits:
            return
        words = [word.span() for word in _WORD.finditer(text)]
        index = 0
        while index < len(words):
            count = self._longest(text, words, index)
            start, end = words[index][0], words[index + max(count, 1) - 1][1]
            if count:
                yield Found(start, end, text[start:end])
            index += max(count, 1)

    def was_given(self, value: str) -> bool:
        """Return whether *value* is a pseudonym, too."""
        return self._holds(_GIVEN + value)

    def _longest(self, text: str, words: list[tuple[int, int]], index: int) -> int:
        """Return of how many words the longest value is that begins at word *index*."""
        start, end = words[index]
        most = min(self._most_words, len(words) - index) if self._begins(text[start:end]) else 1
        for count in range(most, 0, -1):
            if self._holds(_SEEN + text[start : words[index + count - 1][1]]):
                return count
        return 0

    def _begins(self, word: str) -> bool:
        return self._most_words > 1 and self._holds(_FIRST + word)

    def _put(self, item: str) -> None:
        bits = self._bits
        for number in _numbers(item):
            bits[number >> 7] |= 1 << (number & 7)

    def _holds(self, item: str) -> bool:
        bits = self._bits
        for number in _numbers(item):  # noqa: SIM110 - a generator costs as much as the hash
            if not bits[number >> 7] >> (number & 7) & 1:
                return False
        return True


def _numbers(item: str) -> tuple[int, ...]:
    """Return numbers of 32 bits: 25 for a byte of the filter, and 3 for a bit in it."""
    return _unpacked(blake2b(item.encode(), digest_size=_unpacking.size).digest())


def _stretches(value: str) -> Iterable[str]:
    if value.isascii() and value.isalnum():
        return (value,)
    return _of_words(value)


def _of_words(value: str) -> Iterator[str]:
    words = [word.span() for word in _WORD.finditer(value)]
    for index in range(0, len(words), _MOST_WORDS):
        some = words[index : index + _MOST_WORDS]
        yield value[some[0][0] : some[-1][1]]


Replacing = Callable[[str], str]


def replaced(text: str, found: Iterator[Found], replacing: Replacing) -> str:
    """Return *text* with what *replacing* answers in the place of all that was *found* in it."""
    pieces, end = [], 0
    for one in found:
        pieces += [text[end : one.start], replacing(one.value)]
        end = one.end
    return "".join([*pieces, text[end:]])

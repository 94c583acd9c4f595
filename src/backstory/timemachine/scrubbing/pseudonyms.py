"""Pseudonyms: what stands for a value, told by the key and the value alone.

Where the value is from has no part in it, so that equal values stay equal everywhere. A value
becomes one of its own form and length. Two values of one form never become the same one while the
form has fewer than 2**64 values; beyond that a repetition is as likely as a hash of 64 bits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from backstory.timemachine.scrubbing.alphabets import (
    HEXADECIMAL,
    NOT_ZERO,
    PLACES,
    Place,
)
from backstory.timemachine.scrubbing.forms import Parts, form_of
from backstory.timemachine.scrubbing.numbers import digits_of, finite, spread
from backstory.timemachine.scrubbing.permutation import LARGE, permuted

Told = Callable[[str, str], None]
"""Is told each text that got a pseudonym, and the pseudonym, at least once."""

_KEPT: Final = 65_536
_LONGEST_WHOLE: Final = 21  # digits and sign of 64 bits
_LONGEST_KEPT: Final = 512  # characters; longer texts are seldom seen twice
_UUID: Final = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}[0-9A-F]{12}"
)
_UUID_STAYS: Final = (14, 19)  # the digits that tell version and variant
_MAIL: Final = re.compile(r"([^@\s]+)@([\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,})")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|mailto:|tel:")
_GROUPS: Final = re.compile(r"[0-9a-f]*(?::[0-9a-f]*){2,}|[0-9A-F]*(?::[0-9A-F]*){2,}")
_DOMAIN: Final = "abcdefghijklmnopqrstuvwxyz"
_TEST: Final = ".test"
_NOBODY: Final = ".zz"  # no country has it, nor ever will
_PLAIN, _FORM, _SMALL_GROUPS, _LARGE_GROUPS = range(4)


class Pseudonyms:
    """The pseudonyms under one key; those of short texts met lately are remembered."""

    def __init__(self, key: bytes, told: Told = lambda _original, _pseudonym: None) -> None:
        """Make pseudonyms with *key*, and tell *told* of each."""
        self._key = key
        self._told = told
        self._recent = lru_cache(maxsize=_KEPT)(self._made)

    def text(self, original: str) -> str:
        """Return what stands for a text; one without letters and digits stays."""
        if len(original) > _LONGEST_KEPT:
            return self._made(original)
        return self._recent(original)

    def number(self, original: float) -> int | float:
        """Return a number of as many digits; 0 stays 0. Whole numbers agree with their text."""
        if isinstance(original, int):
            return self._whole(original)
        parts = digits_of(original)
        if parts is None:
            return original
        before, digits, after = parts
        ends = {0: NOT_ZERO, len(digits) - 1: NOT_ZERO}
        places = [_digit_place(one, ends.get(index)) for index, one in enumerate(digits)]
        moved = finite(before + self._replaced(digits, places, "float ") + after)
        self._told(repr(original), repr(moved))
        return moved

    def choice(self, original: object, options: tuple[object, ...]) -> object:
        """Return another one of *options*, the only values that the field takes."""
        if original not in options:
            return original
        domain = repr(options).encode()
        return options[permuted(self._key, domain, options.index(original), len(options))]

    def _whole(self, original: int) -> int:
        text = str(original)
        if len(text) <= _LONGEST_WHOLE:
            return int(self.text(text))
        low, size = spread(abs(original))
        moved = low + self._hashed(text.encode(), b"number") % size
        self._told(text, str(moved))
        return moved if original > 0 else -moved

    def _made(self, original: str) -> str:
        pseudonym = self._formed(original)
        self._told(original, pseudonym)
        return pseudonym

    def _formed(self, original: str) -> str:
        form = form_of(original)
        if form is not None:
            return form.written(self._moved(form.shape, form.parts, form.sizes))
        scheme = _SCHEME.match(original) if ":" in original else None
        if scheme is not None:
            return self._after(scheme[0], original[scheme.end() :])
        if "@" in original and (mail := _MAIL.fullmatch(original)):
            return self._mail(mail[1], mail[2])
        if len(original) == 36 and _UUID.fullmatch(original):  # noqa: PLR2004 - a UUID is that long
            return self._uuid(original)
        return self._plain(original, "groups " if _GROUPS.fullmatch(original) else "")

    def _after(self, scheme: str, rest: str) -> str:
        again = _SCHEME.match(rest) is not None
        return scheme + (self._plain(rest, scheme) if again else self._formed(rest))

    def _plain(self, original: str, domain: str = "") -> str:
        """Return a text of the same kind; one without a form never takes the place of one."""
        kind = _kind(original)
        moved = self._replaced(original, _places(original, kind), domain)
        while _kind(moved) != kind:
            moved = self._replaced(moved, _places(moved, kind), domain)
        return moved

    def _mail(self, local: str, domain: str) -> str:
        """Return an address at a domain nobody can own, the same for equal domains."""
        ending = _TEST if len(domain) > len(_TEST) else _NOBODY
        letters = self._letters(b"domain " + domain.encode(), len(domain) - len(ending))
        places = [PLACES[one] for one in local]
        return f"{self._replaced(local, places, f'@{domain} ')}@{letters}{ending}"

    def _uuid(self, original: str) -> str:
        digits = f"{self._hashed(original.lower().encode(), b'uuid'):064x}"
        digits = digits if original == original.lower() else digits.upper()
        return "".join(
            one if one == "-" or index in _UUID_STAYS else digits[index]
            for index, one in enumerate(original)
        )

    def _replaced(self, text: str, places: list[Place | None], domain: str) -> str:
        """Return *text* with another character of its alphabet at each of *places*."""
        size = 1
        for place in places:
            if place is not None:
                size *= len(place[0])
                if size >= LARGE:
                    return self._scattered(text, places, domain)
        taken = [place for place in places if place is not None]
        shape = "".join(
            one if place is None else place[0][0] for one, place in zip(text, places, strict=True)
        )
        moved = iter(
            self._moved(domain + shape, [index for _, index in taken], [len(a) for a, _ in taken])
        )
        return "".join(
            one if place is None else place[0][next(moved)]
            for one, place in zip(text, places, strict=True)
        )

    def _scattered(self, text: str, places: Iterable[Place | None], domain: str) -> str:
        seed = hmac.digest(self._key, f"text {domain}{text}".encode(), "sha256")
        noise = memoryview(hashlib.shake_256(seed).digest(4 * len(text))).cast("I")
        return "".join(
            one if place is None else place[0][noise[index] % len(place[0])]
            for index, (one, place) in enumerate(zip(text, places, strict=True))
        )

    def _letters(self, seed: bytes, count: int) -> str:
        noise = hashlib.shake_256(hmac.digest(self._key, seed, "sha256")).digest(count)
        return "".join(_DOMAIN[one % len(_DOMAIN)] for one in noise)

    def _moved(self, shape: str, parts: Parts, sizes: Parts) -> Parts:
        number, size = 0, 1
        for part, one in zip(parts, sizes, strict=True):
            number = number * one + part
            size *= one
        domain = shape.encode()
        if size < LARGE:
            number = permuted(self._key, domain, number, size)
        else:
            number = self._hashed(b"%d" % number, domain) % size
        moved = []
        for one in reversed(sizes):
            number, part = divmod(number, one)
            moved.append(part)
        return moved[::-1]

    def _hashed(self, document: bytes, domain: bytes) -> int:
        return int.from_bytes(hmac.digest(self._key, domain + b"\0" + document, "sha256"))


def _kind(text: str) -> int:
    """Return which texts may take the place of *text*: those with a form, groups, or the others."""
    if form_of(text) is not None:
        return _FORM
    if ":" not in text or not _GROUPS.fullmatch(text):
        return _PLAIN
    return _SMALL_GROUPS if text == text.lower() else _LARGE_GROUPS


def _places(text: str, kind: int) -> list[Place | None]:
    if kind in {_SMALL_GROUPS, _LARGE_GROUPS}:
        alphabet = HEXADECIMAL[kind == _LARGE_GROUPS]
        return [_place_in(alphabet, one) for one in text]
    places = [PLACES[one] for one in text]
    if not any(map(str.isalpha, text)):
        _let_a_first_zero_stay(text, places)
    return places


def _place_in(alphabet: str, character: str) -> Place | None:
    index = alphabet.find(character)
    return None if index < 0 else (alphabet, index)


def _digit_place(character: str, alphabet: str | None) -> Place | None:
    return PLACES[character] if alphabet is None else _place_in(alphabet, character)


def _let_a_first_zero_stay(text: str, places: list[Place | None]) -> None:
    """Let a number written as text stay one: it begins with 0 afterwards if it did before."""
    for index, one in enumerate(text):
        if one in "0123456789":
            places[index] = _place_in(NOT_ZERO, one)
            return

"""A keyed permutation of the numbers below a size: two numbers never become the same one.

A Feistel network over a product of two nearly equal factors; what falls outside the size goes
round again. Each domain has a key of its own, by HMAC-SHA256; the rounds use BLAKE2b under it,
which is a third of the work of an HMAC.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import blake2b
from math import isqrt
from typing import Final

LARGE: Final = 2**64
"""Sizes from here on need no permutation: a keyed hash below them practically never repeats."""

_SMALL: Final = 2**24
_ROUNDS: Final = 8  # even, so that the factors end where they began
_SALTS: Final = tuple(bytes([index]) * 16 for index in range(_ROUNDS))


def permuted(key: bytes, domain: bytes, number: int, size: int) -> int:
    """Return what *number*, one below *size*, becomes in this *domain* under *key*.

    In a small domain no number stays what it is, unless it is the only one; in a larger one that
    would be chance.
    """
    own = _key_for(key, domain)
    moved = _turned(own, number, size)
    if size >= _SMALL:
        return moved
    return _turned_back(own, (moved + 1) % size, size)


def _factors(size: int) -> tuple[int, int]:
    one = isqrt(size - 1) + 1
    return one, -(-size // one)


def _turned(key: bytes, number: int, size: int) -> int:
    one, other = _factors(size)
    while True:
        for index in range(_ROUNDS):
            left, right = divmod(number, other)
            left = (left + _scatter(key, index, right)) % one
            number = right * one + left
            one, other = other, one
        if number < size:
            return number


def _turned_back(key: bytes, number: int, size: int) -> int:
    one, other = _factors(size)
    while True:
        for index in reversed(range(_ROUNDS)):
            one, other = other, one
            right, left = divmod(number, one)
            left = (left - _scatter(key, index, right)) % one
            number = left * other + right
        if number < size:
            return number


def _scatter(key: bytes, index: int, right: int) -> int:
    digest = blake2b(right.to_bytes(8), digest_size=16, key=key, salt=_SALTS[index]).digest()
    return int.from_bytes(digest)


@lru_cache(maxsize=4_096)
def _key_for(key: bytes, domain: bytes) -> bytes:
    return hmac.digest(key, domain, "sha256")

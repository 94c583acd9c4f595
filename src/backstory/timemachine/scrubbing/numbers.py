"""Numbers: which ones may take one another's place, and fractions of as many digits."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Final

_LIMITS: Final = sorted(
    {10**digits for digits in range(20)} | {2**bits for bits in (15, 31, 53, 63, 64)}
)
"""Where numbers of as many digits begin, and where columns and JSON readers stop."""


def spread(number: int) -> tuple[int, int]:
    """Return where the numbers begin that may stand for a positive *number*, and how many it is.

    They have as many digits, and fit into a column or a double that *number* fits into.
    """
    index = bisect_right(_LIMITS, number)
    low = _LIMITS[index - 1]
    high = _LIMITS[index] if index < len(_LIMITS) else 10 ** len(str(number))
    return max(low, 10 ** (len(str(number)) - 1)), high - max(low, 10 ** (len(str(number)) - 1))


def digits_of(number: float) -> tuple[str, str, str] | None:
    """Return what stands before, in and after the digits that tell *number*; None for zero.

    They reach from the first that is not 0 to the last that is not, with the point between them.
    """
    text = repr(number)
    mantissa, mark, exponent = text.partition("e")
    places = [index for index, one in enumerate(mantissa) if one in "123456789"]
    if not places:
        return None
    first, last = places[0], places[-1] + 1
    return mantissa[:first], mantissa[first:last], mantissa[last:] + mark + exponent


def finite(text: str) -> float:
    """Return the number written as *text*, or a large one in the place of an infinite one."""
    number = float(text)
    if math.isinf(number):
        return float(text.partition("e")[0] + "e300")
    return number

"""What can be done with a value."""

from __future__ import annotations

from enum import Enum


class Treatment(Enum):
    """What is done with a value, and with everything in it.

    `keep` leaves it. `pseudonym` puts a keyed pseudonym in the place of each text and number;
    booleans and nulls stay, for they have no pseudonym that would hide them. `drop` takes the
    field away; where its type requires it, null stays in its place, or where that is not allowed
    what is empty of its kind: `""`, 0, false, `[]`.
    """

    KEEP = "keep"
    DROP = "drop"
    PSEUDONYM = "pseudonym"

"""The mark that users put on fields of their events that hold personal data.

An event module may import it: it brings nothing along.
"""

from __future__ import annotations

import msgspec


class Personal(msgspec.Struct, frozen=True):
    """Marks a field as personal: `Annotated[str, Personal]` or `Annotated[str, Personal("email")]`.

    A scrubbed capture holds a keyed pseudonym instead, or nothing at all where *drop* is set. The
    mark may stand on a field, on the items of a list, on the keys or values of a dict, and on a
    nested model, whose fields are then all personal.

    *kind* says to people what it is. It has no part in how a pseudonym looks, which the value
    alone tells, because equal values of different fields must have equal pseudonyms. One kind
    counts: `"id"` says that the value also names streams, whatever it looks like.
    """

    kind: str = ""
    drop: bool = msgspec.field(default=False)


IDENTIFIER = "id"
"""The kind of a value that names streams."""

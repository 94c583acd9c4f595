"""How events are played again: once or twice, and behind which fences."""

from __future__ import annotations

from typing import Final

import msgspec

from backstory.projections.fencing import Fence


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of a replay.

    With a `fence`, handlers and upcasters run behind it. Each event is given to its handler
    `deliveries` times in a row: a handler that writes the same the second time does not mind that a
    queue, or a follower without a checkpoint, delivers an event again.
    """

    fence: Fence | None = None
    deliveries: int = 1


PLAIN: Final = Replay()
"""Each event once, behind no fence."""

from __future__ import annotations

import msgspec

from backstory.cli.stats_shown import StatsLine, as_json, as_rows
from backstory.explore.counting import Counts, NameCount
from backstory.explore.stats import Stats

SHOWN = Stats(
    head=9,
    first_recorded_at=None,
    last_recorded_at=None,
    counted_to=9,
    complete=True,
    events=9,
    streams=2,
    payload_bytes=18,
    categories=Counts((NameCount("member", 4),), 5),
    types=Counts((NameCount("joined", 3),), 6),
)


def test_what_is_counted_under_no_name_is_shown_all_the_same() -> None:
    """The numbers of a list and its rest add up to all events."""
    line = msgspec.json.decode(as_json(SHOWN), type=StatsLine)
    assert (line.other_categories, line.other_types) == (5, 6)
    assert line.categories == (NameCount("member", 4),)
    rows = list(as_rows(SHOWN))
    assert ("other category", "", 5) in rows
    assert ("other type", "", 6) in rows

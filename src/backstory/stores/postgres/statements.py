"""The SQL of the store: one statement per file in `sql/`, loaded by name.

The first line of each file is a comment with the question it answers.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final


def _load(name: str) -> str:
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


APPEND: Final = _load("append")
APPEND_EACH: Final = _load("append_each")
APPEND_IN: Final = _load("append_in")
FIND: Final = _load("find")
HEAD: Final = _load("head")
HINT: Final = _load("hint")
INDEX_COUNTS: Final = _load("index_counts")
KIND_NAMES: Final = _load("kind_names")
KINDS_IN: Final = _load("kinds_in")
KINDS_IN_OF_TYPES: Final = _load("kinds_in_of_types")
KINDS_OF_STREAM: Final = _load("kinds_of_stream")
KINDS_OF_TYPES: Final = _load("kinds_of_types")
LARGE_EVENTS: Final = _load("large_events")
MISFILED_EVENTS: Final = _load("misfiled_events")
ROW: Final = _load("row")
STREAMS_WITH_GAPS: Final = _load("streams_with_gaps")
TABLES: Final = _load("tables")
TOMBSTONE: Final = _load("tombstone")
ERASE: Final = _load("erase")
ERASED_IN_ALL: Final = _load("erased_in_all")
ENDED: Final = _load("ended")
STREAMS_NAMED: Final = _load("streams_named")
CATEGORIES_NAMED: Final = _load("categories_named")
TYPES_NAMED: Final = _load("types_named")

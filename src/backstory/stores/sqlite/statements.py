"""The SQL of the store: one statement per file in `sql/`, loaded by name.

The first line of each file is a comment with the question it answers.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final


def _load(name: str) -> str:
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


ENDS: Final = _load("ends")
HEAD: Final = _load("head")
POSITION_OF: Final = _load("position_of")
REVISION_OF_ID: Final = _load("revision_of_id")
IDS_FROM: Final = _load("ids_from")
KIND_ID: Final = _load("kind_id")
ADD_EVENT: Final = _load("add_event")
KINDS_OF_TYPES: Final = _load("kinds_of_types")
KINDS_IN: Final = _load("kinds_in")
KINDS_IN_OF_TYPES: Final = _load("kinds_in_of_types")
ROW: Final = _load("row")
UNCHECKED: Final = _load("unchecked")
STREAMS_WITH_GAPS: Final = _load("streams_with_gaps")
MISFILED_EVENTS: Final = _load("misfiled_events")
ERASE: Final = _load("erase")
NOTE_ERASED: Final = _load("note_erased")
ERASED_IN_ALL: Final = _load("erased_in_all")
HAS_ERASED: Final = _load("has_erased")
STREAMS_NAMED: Final = _load("streams_named")
CATEGORIES_NAMED: Final = _load("categories_named")
TYPES_NAMED: Final = _load("types_named")

"""What log lines look like: a choice that command lines offer before anything is loaded."""

from __future__ import annotations

from enum import Enum


class LogFormat(Enum):
    """What log lines look like: `text` for people, `json` for programs."""

    TEXT = "text"
    JSON = "json"

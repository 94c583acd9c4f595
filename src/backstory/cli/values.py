"""Any value of a user's code as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.screen import visible_json

if TYPE_CHECKING:
    from collections.abc import Callable

_REFUSED = (TypeError, ValueError, OverflowError, RecursionError)


def json_of(value: object) -> bytes:
    """Return *value* as JSON that can be shown on any terminal.

    What JSON does not know is shown by its attributes, and, where it has none, as Python shows it.
    """
    try:
        return visible_json(_encoder.encode(value))
    except _REFUSED:
        return visible_json(_encoder.encode(repr(value)))


def raw(value: object) -> msgspec.Raw:
    """Return *value* as a part of a larger piece of JSON."""
    return msgspec.Raw(json_of(value))


def _plainer(value: object) -> object:
    dumped: Callable[[], object] | None = getattr(value, "model_dump", None)  # pydantic
    if callable(dumped):
        return dumped()
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) or not hasattr(value, "__dict__"):
        return repr(value)
    return {name: kept for name, kept in vars(value).items() if not name.startswith("_")}


_encoder = msgspec.json.Encoder(enc_hook=_plainer)

"""From JSON bytes to a Python type, for every kind of model users bring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import msgspec


class _PydanticModel(Protocol):
    """What we need of a pydantic model class; pydantic itself is never imported here."""

    def model_validate_json(self, json_data: bytes) -> object: ...


def decoder_for(python: type) -> Callable[[bytes], object]:
    """Return a function that makes a *python* of JSON bytes.

    Serves msgspec Structs, dataclasses, TypedDicts, attrs classes, plain `dict`, and pydantic
    models. The function raises what its library raises.
    """
    if hasattr(python, "model_validate_json"):
        return cast("_PydanticModel", python).model_validate_json
    decoder: msgspec.json.Decoder[object] = msgspec.json.Decoder(python)
    return decoder.decode

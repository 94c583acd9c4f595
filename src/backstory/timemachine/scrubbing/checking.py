"""Whether a policy speaks of types and fields that there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from backstory.core.errors import InvalidSetting, UnknownEventType
from backstory.core.schema import Schema
from backstory.timemachine.scrubbing.declared import ITEM, declared_fields


def check_type_policy(name: str, paths: Iterable[str], schema: Schema) -> None:
    """Raise `InvalidSetting` unless *schema* has a type called *name* with fields at *paths*.

    Of a type that had other shapes before any path may be named: only upcasters know the old ones.
    """
    try:
        event_type = schema.type_named(name)
    except UnknownEventType as error:
        known = [one for kind in schema.types for one in (kind.name, *kind.formerly)]
        message = (
            f"the policy names the event type {name!r}, which the schema does not have"
            f"{nearest(name, known)}. Say `retired = true` of a type whose code is gone"
        )
        raise InvalidSetting(message) from error
    if event_type.version > 1:
        return
    declared = declared_fields(event_type.python)
    for path in paths:
        if declared and not any(
            _meets(path.split("."), one.split("."), beyond=field.leaf)
            for one, field in declared.items()
        ):
            message = (
                f"the policy names the field {path!r} of {name!r}, which the type does not have"
            )
            raise InvalidSetting(message + nearest(path, declared))


def nearest(word: str, known: Collection[str]) -> str:
    """Return what to say of the name in *known* that may have been meant."""
    close = get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; it has {', '.join(sorted(known)[:10])}" if known else ""


def _meets(path: Sequence[str], declared: Sequence[str], *, beyond: bool) -> bool:
    """Return whether *path* is the declared one, or below it where it goes *beyond*."""
    if len(path) < len(declared) or (len(path) > len(declared) and not beyond):
        return False
    pairs = zip(path, declared, strict=False)  # what is beyond may be called anything
    return all(mine == theirs or ITEM in {mine, theirs} for mine, theirs in pairs)

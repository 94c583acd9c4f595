"""Page models as HTML."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from backstory.dashboard.addresses import Addresses
from backstory.dashboard.asking import Ask
from backstory.dashboard.shown import EventRow, Token, age, revision_text, tokens
from backstory.dashboard.static import hashed_name
from backstory.explore.visible import visible

_MOST_OF_A_NAME: Final = 120


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around a page: its title, the line that shows the same, and where one is."""

    title: str
    here: str
    command: str


def render(template: str, model: object, ask: Ask, frame: Frame, *, name: str) -> bytes:
    """Return the page of *template*, filled with *model*."""
    made = (
        _environment()
        .get_template(template)
        .render(
            page=model, to=ask.to, ask=ask, frame=frame, name=name, twin=ask.to.twin(ask.address)
        )
    )
    return made.encode()


def render_row(row: EventRow, to: Addresses) -> str:
    """Return one row of a table of events."""
    return _environment().get_template("row.html").render(row=row, to=to, fresh=True)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("backstory.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        visible=visible,
        short=_short,
        revision=revision_text,
        day=_day,
        clock=_clock,
        pieces=_pieces,
    )
    made.globals.update(static=hashed_name, age=age)
    return made


def _short(text: str) -> str:
    """Return a name that takes no more than a line; the page of the thing shows all of it."""
    shown = visible(text)
    return shown if len(shown) <= _MOST_OF_A_NAME else shown[:_MOST_OF_A_NAME] + "…"


def _pieces(document: msgspec.Raw) -> tuple[list[Token], bool]:
    return tokens(bytes(document))


def _day(moment: str | datetime) -> str:
    return str(moment)[:10]


def _clock(moment: str) -> str:
    return moment[11:23]

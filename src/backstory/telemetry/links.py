"""From events to the spans they were recorded in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from opentelemetry import trace
from opentelemetry.trace import Link
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from backstory.core.ambient import TRACEPARENT
from backstory.core.events import RecordedEvent

MOST: Final = 128
"""Most links of one span, which is OpenTelemetry's own limit."""


class _Metadata(msgspec.Struct, frozen=True, gc=False):
    traceparent: str | None = None


_decoder: Final = msgspec.json.Decoder(_Metadata)
_mark: Final = f'"{TRACEPARENT}"'.encode()
_propagator: Final = TraceContextTextMapPropagator()


def links_of(events: Iterable[RecordedEvent]) -> Sequence[Link]:
    """Return a link to each span that *events* were recorded in, the first `MOST` of them."""
    found: dict[str, Link] = {}
    for event in events:
        parent = _traceparent_in(event.metadata)
        if parent is None or parent in found:
            continue
        recorded_in = trace.get_current_span(_propagator.extract({TRACEPARENT: parent}))
        if recorded_in.get_span_context().is_valid:
            found[parent] = Link(recorded_in.get_span_context())
            if len(found) == MOST:
                break
    return list(found.values())


def _traceparent_in(metadata: bytes) -> str | None:
    if _mark not in metadata:  # most are seen to have none without reading them
        return None
    try:
        return _decoder.decode(metadata).traceparent
    except msgspec.MsgspecError:  # somebody else's metadata may hold anything
        return None

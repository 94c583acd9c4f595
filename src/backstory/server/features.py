"""The service `ServerFeatures`: which methods there are, by which clients choose how to call.

Names are lower case, services with their package, because some clients compare letter by letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.server.calls import Call, Method, unary
from backstory.server.http.routes import EMULATED_VERSION
from backstory.server.wire.descriptors import SupportedMethods

_PATH: Final = "/event_store.client.server_features.ServerFeatures/GetSupportedMethods"
_STREAM_AND_ALL: Final = ("stream", "all")
_FEATURES: Final = {
    "streams.streams/read": ("position", "events"),
    "streams.streams/batchappend": ("deadline_duration",),
    "projections.projections/create": ("track_emitted_streams",),
    "persistent_subscriptions.persistentsubscriptions/create": _STREAM_AND_ALL,
    "persistent_subscriptions.persistentsubscriptions/update": _STREAM_AND_ALL,
    "persistent_subscriptions.persistentsubscriptions/delete": _STREAM_AND_ALL,
    "persistent_subscriptions.persistentsubscriptions/read": _STREAM_AND_ALL,
    "persistent_subscriptions.persistentsubscriptions/getinfo": _STREAM_AND_ALL,
    "persistent_subscriptions.persistentsubscriptions/replayparked": _STREAM_AND_ALL,
    "persistent_subscriptions.persistentsubscriptions/list": _STREAM_AND_ALL,
}
"""What 25.0 says of its methods, by service and method without `event_store.client.`."""


def methods(others: Sequence[Method]) -> list[Method]:
    """Return the method of the service; it lists *others*, and itself."""

    async def answer(_request: shared.Empty, _call: Call[Any, Any]) -> Any:  # noqa: ANN401 - a class made at run time
        return _supported([*(method.path for method in others), _PATH])

    return [unary(_PATH, shared.Empty, SupportedMethods, answer)]


def _supported(paths: Sequence[str]) -> Any:  # noqa: ANN401 - (as above)
    answer = SupportedMethods(event_store_server_version=EMULATED_VERSION)
    for path in paths:
        service, _, method = path.lower().removeprefix("/").partition("/")
        short = f"{service.removeprefix('event_store.client.')}/{method}"
        answer.methods.add(
            service_name=service, method_name=method, features=_FEATURES.get(short, ())
        )
    return answer

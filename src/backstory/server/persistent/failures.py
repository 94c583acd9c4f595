"""How calls about persistent subscriptions fail."""

from __future__ import annotations

from grpclib.const import Status

from backstory.server.failures import Failure


def _trailers(kind: str, source: str, group: str) -> dict[str, str]:
    return {
        "exception": f"persistent-subscription-{kind}",
        "stream-name": source,
        "group-name": group,
    }


def failed(source: str, group: str, reason: str) -> Failure:
    """Return the failure of a group that cannot be as it was asked to be."""
    return Failure(
        Status.INTERNAL,
        f"Subscription group {group} on stream {source} failed: '{reason}'",
        {**_trailers("failed", source, group), "reason": reason},
    )


def exists(source: str, group: str) -> Failure:
    """Return the failure of creating a group that is there."""
    return Failure(
        Status.ALREADY_EXISTS,
        f"Subscription group {group} on stream {source} exists.",
        _trailers("exists", source, group),
    )


def does_not_exist(source: str, group: str) -> Failure:
    """Return the failure of asking for a group that is not there."""
    return Failure(
        Status.NOT_FOUND,
        f"Subscription group {group} on stream {source} does not exist.",
        _trailers("does-not-exist", source, group),
    )


def dropped(source: str, group: str) -> Failure:
    """Return how a consumer is told that its group is gone, or another than it was."""
    return Failure(
        Status.CANCELLED,
        f"Subscription group {group} on stream {source} was dropped.",
        _trailers("dropped", source, group),
    )


def too_many_subscribers(source: str, group: str) -> Failure:
    """Return the failure of a consumer for whom there is no room."""
    return Failure(
        Status.FAILED_PRECONDITION,
        f"Maximum subscriptions reached for subscription group {group} on stream {source}.",
        {**_trailers("", source, group), "exception": "maximum-subscribers-reached"},
    )

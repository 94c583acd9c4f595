"""How projections stand, as clients are told."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from kurrentdbclient.protos.v1 import projections_pb2 as pb

from backstory.server.node import Node
from backstory.server.projections.storage import Projection, Standing

NOT_RUN: Final = (
    "Backstory keeps projections written in JavaScript and does not run them; "
    "write a projection in Python, or read $ce- and $et- streams"
)

SYSTEM: Final = (
    "$by_category",
    "$by_correlation_id",
    "$by_event_type",
    "$stream_by_category",
    "$streams",
)
"""The projections that every server has; they cannot be changed."""

_STATUS: Final[Mapping[Standing, str]] = MappingProxyType(
    {
        Standing.ENABLED: "Faulted",
        Standing.STOPPED: "Stopped",
        Standing.ABORTED: "Aborted/Stopped",
    }
)


def details_of(projection: Projection) -> pb.StatisticsResp:
    """Return how a user's projection stands: at best it is kept, and it says why."""
    return pb.StatisticsResp(
        details=pb.StatisticsResp.Details(
            version=projection.version,
            effectiveName=projection.name,
            status=_STATUS[projection.standing],
            stateReason=NOT_RUN if projection.standing is Standing.ENABLED else "",
            name=projection.name,
            mode="Continuous" if projection.continuous else "OneTime",
            progress=-1,
        )
    )


async def details_of_system(node: Node, name: str) -> pb.StatisticsResp:
    """Return how a projection of the system stands: it runs, and has covered everything."""
    head = await node.store.head()
    return pb.StatisticsResp(
        details=pb.StatisticsResp.Details(
            effectiveName=name,
            status="Running",
            name=name,
            mode="Continuous",
            position=f"C:{head}/P:{head}",
            lastCheckpoint=f"C:{head}/P:{head}",
            progress=100,
        )
    )

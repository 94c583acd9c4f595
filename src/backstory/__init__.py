"""Backstory: event sourcing for Python that takes you back to the moment a bug happened.

Names are loaded when they are first used, so `import backstory` stays fast and needs no driver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backstory.application import AnyDecider, Application, Check, load_application
    from backstory.blocking import BlockingRepository, BlockingStore, Portal, open_blocking_store
    from backstory.core.alarm import Alarm
    from backstory.core.ambient import correlated
    from backstory.core.appending import StreamAppend
    from backstory.core.clock import Clock, system_clock
    from backstory.core.errors import (
        AppendTooLarge,
        BackstoryError,
        BisectStopped,
        CaptureDamaged,
        CaptureRefused,
        CaughtUpTimeout,
        CheckNeverFails,
        CheckpointAhead,
        CheckpointMoved,
        CommandRejected,
        DomainError,
        EventTooLarge,
        FenceCrossed,
        HandlerFailed,
        InvalidEvent,
        InvalidInput,
        InvalidMoment,
        InvalidName,
        InvalidRead,
        InvalidSetting,
        LeaseLost,
        MomentNotFound,
        OutcomeUnknown,
        PartitionsChanged,
        PowerMissing,
        ProjectionError,
        ReactionFailed,
        ReadModelUnavailable,
        ReadModelVersionUnsupported,
        RebuildRefused,
        SchemaError,
        SnapshotDamaged,
        SnapshotRefused,
        StoreBusy,
        StoreClosed,
        StoreDamaged,
        StoreError,
        StoreFull,
        StoreReadOnly,
        StoreUnavailable,
        StoreVersionUnsupported,
        TimeMachineError,
        TooManyConflicts,
        UndecodableEvent,
        UnknownEventType,
        UnknownSchemaVersion,
    )
    from backstory.core.events import Appended, NewEvent, RecordedEvent
    from backstory.core.expected import (
        ANY,
        NO_STREAM,
        STREAM_EXISTS,
        Expected,
        WrongExpectedRevision,
    )
    from backstory.core.history import History
    from backstory.core.ids import IdSource, uuid7
    from backstory.core.listening import Applying, Commit, Committing
    from backstory.core.personal import Personal
    from backstory.core.read import BACKWARDS, FORWARDS, Read
    from backstory.core.reading import events, pages
    from backstory.core.schema import EventType, Schema, Upcaster
    from backstory.core.store import (
        AppendingSeveral,
        EventStore,
        Fault,
        Power,
        Verifying,
        append_several,
    )
    from backstory.domain.context import Context
    from backstory.domain.decider import Decider, decider_of
    from backstory.domain.decision import Decision, Loaded
    from backstory.domain.drafting import Thing
    from backstory.domain.repository import Repository
    from backstory.domain.snapshots import (
        DirectorySnapshots,
        MemorySnapshots,
        Snapshot,
        SnapshotPolicy,
        SnapshotStore,
    )
    from backstory.domain.together import execute_together
    from backstory.projections.changes import Change
    from backstory.projections.columns import UtcDateTime
    from backstory.projections.lookup import Lookup
    from backstory.projections.parked import ParkedEvents, Retried
    from backstory.projections.parked_table import ParkedEvent
    from backstory.projections.policy import Park, Retry, Stop
    from backstory.projections.projection import Projection
    from backstory.projections.reactor import Reactor
    from backstory.projections.read_model import ReadModel
    from backstory.projections.rebuilding.comparing import Comparison, TableDifference
    from backstory.projections.rebuilding.rebuild import (
        RebuildPolicy,
        RebuildProgress,
        Rebuilt,
        rebuild,
    )
    from backstory.projections.status import PartitionStatus, Status
    from backstory.projections.subscription import Batch, Subscription
    from backstory.projections.worker import Worker
    from backstory.projections.workers import Workers
    from backstory.stores.memory import MemoryStore
    from backstory.stores.open import open_store
    from backstory.telemetry.exposition import metrics_app, serve_metrics
    from backstory.telemetry.log_format import LogFormat
    from backstory.telemetry.logs import start_logging
    from backstory.telemetry.metrics import Metrics
    from backstory.telemetry.observing import Telemetry
    from backstory.telemetry.requests import CorrelationMiddleware
    from backstory.telemetry.tracing import Tracing
    from backstory.timemachine.incidents.recording import Incidents
    from backstory.timemachine.keeping import PastModels
    from backstory.timemachine.session import Session
    from backstory.timemachine.stepping.breakpoints import Breakpoint
    from backstory.timemachine.stepping.running import run_until
    from backstory.timemachine.stepping.stepper import Step, Stepper

__all__ = [
    "ANY",
    "BACKWARDS",
    "FORWARDS",
    "NO_STREAM",
    "STREAM_EXISTS",
    "Alarm",
    "AnyDecider",
    "AppendTooLarge",
    "Appended",
    "AppendingSeveral",
    "Application",
    "Applying",
    "BackstoryError",
    "Batch",
    "BisectStopped",
    "BlockingRepository",
    "BlockingStore",
    "Breakpoint",
    "CaptureDamaged",
    "CaptureRefused",
    "CaughtUpTimeout",
    "Change",
    "Check",
    "CheckNeverFails",
    "CheckpointAhead",
    "CheckpointMoved",
    "Clock",
    "CommandRejected",
    "Commit",
    "Committing",
    "Comparison",
    "Context",
    "CorrelationMiddleware",
    "Decider",
    "Decision",
    "DirectorySnapshots",
    "DomainError",
    "EventStore",
    "EventTooLarge",
    "EventType",
    "Expected",
    "Fault",
    "FenceCrossed",
    "HandlerFailed",
    "History",
    "IdSource",
    "Incidents",
    "InvalidEvent",
    "InvalidInput",
    "InvalidMoment",
    "InvalidName",
    "InvalidRead",
    "InvalidSetting",
    "LeaseLost",
    "Loaded",
    "LogFormat",
    "Lookup",
    "MemorySnapshots",
    "MemoryStore",
    "Metrics",
    "MomentNotFound",
    "NewEvent",
    "OutcomeUnknown",
    "Park",
    "ParkedEvent",
    "ParkedEvents",
    "PartitionStatus",
    "PartitionsChanged",
    "PastModels",
    "Personal",
    "Portal",
    "Power",
    "PowerMissing",
    "Projection",
    "ProjectionError",
    "ReactionFailed",
    "Reactor",
    "Read",
    "ReadModel",
    "ReadModelUnavailable",
    "ReadModelVersionUnsupported",
    "RebuildPolicy",
    "RebuildProgress",
    "RebuildRefused",
    "Rebuilt",
    "RecordedEvent",
    "Repository",
    "Retried",
    "Retry",
    "Schema",
    "SchemaError",
    "Session",
    "Snapshot",
    "SnapshotDamaged",
    "SnapshotPolicy",
    "SnapshotRefused",
    "SnapshotStore",
    "Status",
    "Step",
    "Stepper",
    "Stop",
    "StoreBusy",
    "StoreClosed",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreUnavailable",
    "StoreVersionUnsupported",
    "StreamAppend",
    "Subscription",
    "TableDifference",
    "Telemetry",
    "Thing",
    "TimeMachineError",
    "TooManyConflicts",
    "Tracing",
    "UndecodableEvent",
    "UnknownEventType",
    "UnknownSchemaVersion",
    "Upcaster",
    "UtcDateTime",
    "Verifying",
    "Worker",
    "Workers",
    "WrongExpectedRevision",
    "append_several",
    "correlated",
    "decider_of",
    "events",
    "execute_together",
    "load_application",
    "metrics_app",
    "open_blocking_store",
    "open_store",
    "pages",
    "rebuild",
    "run_until",
    "serve_metrics",
    "start_logging",
    "system_clock",
    "uuid7",
]

__version__ = "0.1.0"

_HOMES = {
    "backstory.application": ("AnyDecider", "Application", "Check", "load_application"),
    "backstory.blocking": ("BlockingRepository", "BlockingStore", "Portal", "open_blocking_store"),
    "backstory.core.alarm": ("Alarm",),
    "backstory.core.ambient": ("correlated",),
    "backstory.core.appending": ("StreamAppend",),
    "backstory.core.clock": ("Clock", "system_clock"),
    "backstory.core.errors": (
        "AppendTooLarge",
        "BackstoryError",
        "BisectStopped",
        "CaptureDamaged",
        "CaptureRefused",
        "CaughtUpTimeout",
        "CheckNeverFails",
        "CheckpointAhead",
        "CheckpointMoved",
        "CommandRejected",
        "DomainError",
        "EventTooLarge",
        "FenceCrossed",
        "HandlerFailed",
        "InvalidEvent",
        "InvalidInput",
        "InvalidMoment",
        "InvalidName",
        "InvalidRead",
        "InvalidSetting",
        "LeaseLost",
        "MomentNotFound",
        "OutcomeUnknown",
        "PartitionsChanged",
        "PowerMissing",
        "ProjectionError",
        "ReactionFailed",
        "ReadModelUnavailable",
        "ReadModelVersionUnsupported",
        "RebuildRefused",
        "SchemaError",
        "SnapshotDamaged",
        "SnapshotRefused",
        "StoreBusy",
        "StoreClosed",
        "StoreDamaged",
        "StoreError",
        "StoreFull",
        "StoreReadOnly",
        "StoreUnavailable",
        "StoreVersionUnsupported",
        "TimeMachineError",
        "TooManyConflicts",
        "UndecodableEvent",
        "UnknownEventType",
        "UnknownSchemaVersion",
    ),
    "backstory.core.events": ("Appended", "NewEvent", "RecordedEvent"),
    "backstory.core.expected": (
        "ANY",
        "NO_STREAM",
        "STREAM_EXISTS",
        "Expected",
        "WrongExpectedRevision",
    ),
    "backstory.core.history": ("History",),
    "backstory.core.ids": ("IdSource", "uuid7"),
    "backstory.core.listening": ("Applying", "Commit", "Committing"),
    "backstory.core.personal": ("Personal",),
    "backstory.core.read": ("BACKWARDS", "FORWARDS", "Read"),
    "backstory.core.reading": ("events", "pages"),
    "backstory.core.schema": ("EventType", "Schema", "Upcaster"),
    "backstory.core.store": (
        "AppendingSeveral",
        "EventStore",
        "Fault",
        "Power",
        "Verifying",
        "append_several",
    ),
    "backstory.domain.context": ("Context",),
    "backstory.domain.decider": ("Decider", "decider_of"),
    "backstory.domain.decision": ("Decision", "Loaded"),
    "backstory.domain.drafting": ("Thing",),
    "backstory.domain.repository": ("Repository",),
    "backstory.domain.snapshots": (
        "DirectorySnapshots",
        "MemorySnapshots",
        "Snapshot",
        "SnapshotPolicy",
        "SnapshotStore",
    ),
    "backstory.domain.together": ("execute_together",),
    "backstory.projections.changes": ("Change",),
    "backstory.projections.columns": ("UtcDateTime",),
    "backstory.projections.lookup": ("Lookup",),
    "backstory.projections.parked": ("ParkedEvents", "Retried"),
    "backstory.projections.parked_table": ("ParkedEvent",),
    "backstory.projections.policy": ("Park", "Retry", "Stop"),
    "backstory.projections.projection": ("Projection",),
    "backstory.projections.reactor": ("Reactor",),
    "backstory.projections.read_model": ("ReadModel",),
    "backstory.projections.rebuilding.comparing": ("Comparison", "TableDifference"),
    "backstory.projections.rebuilding.rebuild": (
        "RebuildPolicy",
        "RebuildProgress",
        "Rebuilt",
        "rebuild",
    ),
    "backstory.projections.status": ("PartitionStatus", "Status"),
    "backstory.projections.subscription": ("Batch", "Subscription"),
    "backstory.projections.worker": ("Worker",),
    "backstory.projections.workers": ("Workers",),
    "backstory.stores.memory": ("MemoryStore",),
    "backstory.stores.open": ("open_store",),
    "backstory.telemetry.exposition": ("metrics_app", "serve_metrics"),
    "backstory.telemetry.log_format": ("LogFormat",),
    "backstory.telemetry.logs": ("start_logging",),
    "backstory.telemetry.metrics": ("Metrics",),
    "backstory.telemetry.observing": ("Telemetry",),
    "backstory.telemetry.requests": ("CorrelationMiddleware",),
    "backstory.telemetry.tracing": ("Tracing",),
    "backstory.timemachine.incidents.recording": ("Incidents",),
    "backstory.timemachine.keeping": ("PastModels",),
    "backstory.timemachine.session": ("Session",),
    "backstory.timemachine.stepping.breakpoints": ("Breakpoint",),
    "backstory.timemachine.stepping.running": ("run_until",),
    "backstory.timemachine.stepping.stepper": ("Step", "Stepper"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_EXTRAS = {"opentelemetry": "telemetry", "prometheus_client": "telemetry"}


def __getattr__(name: str) -> object:
    """Load a public name from the module it lives in."""
    try:
        home = _HOME_OF[name]
    except KeyError:
        message = f"module 'backstory' has no attribute {name!r}"
        raise AttributeError(message) from None
    try:
        value: object = getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        message = f"{name} needs {error.name}: pip install 'backstory[{extra}]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, "__version__"]

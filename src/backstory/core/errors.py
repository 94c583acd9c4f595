"""Everything Backstory raises, in one tree.

BackstoryError
├── InvalidInput
│   ├── InvalidName
│   ├── InvalidEvent
│   ├── InvalidRead
│   ├── InvalidSetting
│   ├── InvalidMoment
│   ├── EventTooLarge
│   └── AppendTooLarge
├── StoreError
│   ├── WrongExpectedRevision
│   ├── StreamDeleted
│   ├── OutcomeUnknown
│   ├── PowerMissing
│   ├── StoreClosed
│   ├── StoreDamaged
│   ├── StoreVersionUnsupported
│   └── StoreUnavailable
│       ├── StoreBusy
│       ├── StoreFull
│       └── StoreReadOnly
├── SchemaError
│   ├── UnknownEventType
│   ├── UnknownSchemaVersion
│   └── UndecodableEvent
├── DomainError
│   ├── CommandRejected
│   └── TooManyConflicts
├── TimeMachineError
│   ├── MomentNotFound
│   ├── CheckNeverFails
│   ├── BisectStopped
│   ├── SnapshotRefused
│   ├── SnapshotDamaged
│   ├── CaptureRefused
│   ├── CaptureDamaged
│   └── FenceCrossed
└── ProjectionError
    ├── HandlerFailed
    ├── ReactionFailed
    ├── CheckpointMoved
    ├── LeaseLost
    ├── CheckpointAhead
    ├── PartitionsChanged
    ├── RebuildRefused
    ├── ReadModelUnavailable
    ├── ReadModelVersionUnsupported
    └── CaughtUpTimeout

An error carries its facts as attributes and ends by saying what to do next. A class raised without
a message uses the first paragraph of its own docstring (its name when it has none), so the two can
never disagree.
`WrongExpectedRevision` and `StreamDeleted` live beside their rules, in `backstory.core.expected`
and `backstory.core.retaining`.
"""

from __future__ import annotations

import copyreg
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID


class BackstoryError(Exception):
    """Something Backstory was asked to do could not be done."""

    def __init__(self, message: str | None = None) -> None:
        """Say *message*, or what the class's own docstring says."""
        super().__init__(message or _first_paragraph(type(self)))

    def __reduce__(self) -> tuple[object, ...]:
        """Let the error cross a process boundary with its message and its facts."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]  # left out of typeshed


def _first_paragraph(cls: type[BackstoryError]) -> str:
    # Only the class's own docstring: an inherited one would speak of something more general.
    return " ".join(inspect.cleandoc(cls.__doc__ or cls.__name__).split("\n\n")[0].split())


class InvalidInput(BackstoryError, ValueError):
    """What was passed in cannot be used; nothing was written."""


class InvalidName(InvalidInput):
    """A stream name or event type is empty, too long or holds characters that mislead readers."""


class InvalidEvent(InvalidInput):
    """An event cannot be stored as it is; nothing was written."""


class InvalidRead(InvalidInput):
    """A `Read` asks for something no store can answer."""


class InvalidSetting(InvalidInput):
    """A setting, URL or option has a value that cannot be used."""


class InvalidMoment(InvalidInput):
    """What was given names no moment of a log."""


class EventTooLarge(InvalidInput):
    """One event is larger than a store takes; store its large content elsewhere."""

    size: int
    limit: int
    type: str

    def __init__(self, *, size: int, limit: int, type: str) -> None:  # noqa: A002 - our word for it
        """Report *size* and *limit*, both in bytes of data plus metadata."""
        self.size, self.limit, self.type = size, limit, type
        super().__init__(
            f"event {type!r} holds {size:,} bytes; the limit is {limit:,}. "
            "Keep large content elsewhere and store its address in the event."
        )


class AppendTooLarge(InvalidInput):
    """One append holds more than a store takes; append in smaller steps."""

    size: int
    limit: int
    unit: str

    def __init__(self, *, size: int, limit: int, unit: str) -> None:
        """Report *size* and *limit*, counted in *unit* (`events` or `bytes`)."""
        self.size, self.limit, self.unit = size, limit, unit
        super().__init__(
            f"the append holds {size:,} {unit}; the limit is {limit:,}. Append in smaller steps."
        )


class StoreError(BackstoryError):
    """The event store could not do what it was asked."""


class OutcomeUnknown(StoreError):
    """Nobody knows whether the append is stored; append the same events (same ids) once more.

    Appended again at the same place, they are answered with the original result when they are
    there, and stored when they are not.
    """


class PowerMissing(StoreError):
    """The store cannot do this; take one that can."""

    store: str
    power: str

    def __init__(self, *, store: str, power: str) -> None:
        """Report the *store* and the *power* it lacks, in the words of the table of stores."""
        self.store, self.power = store, power
        super().__init__(
            f"{store} is no store that {power}. "
            "The page 'Stores' of the reference says which ones are."
        )


class StoreClosed(StoreError):
    """The store is closed; open it again with `open_store(url)`."""


class StoreDamaged(StoreError):
    """The store's contents are damaged or are not a Backstory store; run `backstory verify URL`."""


class StoreVersionUnsupported(StoreError):
    """The store was written by a newer Backstory; upgrade Backstory to open it."""

    found: int
    supported: int
    place: str

    def __init__(self, *, found: int, supported: int, place: str) -> None:
        """Report the schema version *found* at *place* and the newest one *supported* here."""
        self.found, self.supported, self.place = found, supported, place
        super().__init__(
            f"{place} has schema version {found}, this Backstory knows versions up to {supported}. "
            "Upgrade Backstory to open it; nothing was changed."
        )


class StoreUnavailable(StoreError):
    """The store cannot be reached or cannot write now; nothing was stored, try again later."""


class StoreBusy(StoreUnavailable):
    """Another process held the store's write lock for too long; nothing was stored, try again."""


class StoreFull(StoreUnavailable):
    """The disk is full; nothing was stored. Make space and append again: no restart is needed."""


class StoreReadOnly(StoreUnavailable):
    """The store's place cannot be written; check the rights of the file and of its directory."""


class SchemaError(BackstoryError):
    """An event's type or content does not fit the application's schema."""


class UnknownEventType(SchemaError):
    """An event has a type the schema does not name."""

    type: str
    known: tuple[str, ...]

    def __init__(self, type: str, known: tuple[str, ...]) -> None:  # noqa: A002 - our word for it
        """Report the *type* met and the types *known*."""
        self.type, self.known = type, known
        names = ", ".join(known) or "none"
        super().__init__(
            f"no event type {type!r} in the schema (it knows: {names}). "
            "Add an EventType for it, or name it in `formerly=` of the type it became."
        )


class UnknownSchemaVersion(SchemaError):
    """An event was written with a schema version that this code does not know."""

    type: str
    version: int
    known: int

    def __init__(self, *, type: str, version: int, known: int) -> None:  # noqa: A002 - our word for it
        """Report the *version* met for *type* and the newest one *known*."""
        self.type, self.version, self.known = type, version, known
        super().__init__(
            f"event type {type!r} was written with schema version {version}, this code knows "
            f"versions up to {known}. Deploy the newer code before it reads these events."
        )


class UndecodableEvent(SchemaError):
    """An event's data does not fit its type, or an upcaster failed on it."""

    type: str
    place: str
    reason: str

    def __init__(self, *, type: str, place: str, reason: str) -> None:  # noqa: A002 - our word for it
        """Report the event's *type*, its *place* (stream, revision, position) and the *reason*."""
        self.type, self.place, self.reason = type, place, reason
        super().__init__(
            f"event {type!r} at {place} cannot be decoded: {reason}. "
            "Raise the type's version and add an upcaster for the old shape."
        )


class DomainError(BackstoryError):
    """A command could not be carried out."""


class CommandRejected(DomainError):
    """The decider refused the command; nothing was written. Raise it from `decide` to say why."""


class TooManyConflicts(DomainError):
    """Other writers kept changing the stream while the command was decided; try again."""

    stream: str
    attempts: int

    def __init__(self, *, stream: str, attempts: int) -> None:
        """Report the *stream* and how many *attempts* met a conflict."""
        self.stream, self.attempts = stream, attempts
        super().__init__(
            f"{attempts} attempts to append to {stream!r} met a conflict each. "
            "Nothing was written; try again, or make the stream smaller than one hot thing."
        )


class TimeMachineError(BackstoryError):
    """The past could not be shown."""


class MomentNotFound(TimeMachineError):
    """The store holds nothing at the moment that was named."""


class CheckNeverFails(TimeMachineError):
    """The check never goes from holding to failing, so no event is guilty."""

    good: int
    bad: int
    fails: bool

    def __init__(self, *, good: int, bad: int, fails: bool) -> None:
        """Report where it was asked; *fails* says that it failed wherever it could tell."""
        self.good, self.bad, self.fails = good, bad, fails
        how = "fails already" if fails else "holds everywhere it was asked"
        advice = "give an earlier position at which it holds" if fails else "is it the right check?"
        super().__init__(f"from position {good} to {bad} the check {how}; {advice}")


class BisectStopped(TimeMachineError):
    """A search was broken off, because what it asked could not be run."""


class SnapshotRefused(TimeMachineError):
    """No snapshot of the read model can be taken now."""


class SnapshotDamaged(TimeMachineError):
    """A snapshot is not what was written; take it again."""


class CaptureRefused(TimeMachineError):
    """The capture that was asked for cannot be made; no file is left."""


class CaptureDamaged(TimeMachineError):
    """A capture is not what was made: it was cut short, edited, or is none at all."""


class FenceCrossed(TimeMachineError):
    """Code that is replayed reached for the network or for a process; it was kept from it."""

    what: str
    place: str

    def __init__(self, *, what: str, place: str) -> None:
        """Report *what* was called at which *place* (file, line and function)."""
        self.what, self.place = what, place
        super().__init__(
            f"{what} at {place} was refused: a replay reaches nothing outside. "
            "Let the event hold what is needed, or move the call to a reactor."
        )


class ProjectionError(BackstoryError):
    """A projection could not go on."""


class HandlerFailed(ProjectionError):
    """A projection's handler failed on an event; the projection stopped before it."""

    projection: str
    place: str
    handler: str
    reason: str
    event_id: UUID

    def __init__(
        self, *, projection: str, place: str, handler: str, reason: str, event_id: UUID
    ) -> None:
        """Report which *handler* (file and line) failed where, and on which event."""
        self.projection, self.place, self.handler = projection, place, handler
        self.reason, self.event_id = reason, event_id
        super().__init__(
            f"projection {projection!r} stopped before {place} (event {event_id}): {reason}, "
            f"in {handler}. Nothing of the event was written; mend the handler and start again, "
            "or run with on_failure=Park() to set such events aside."
        )


class ReactionFailed(ProjectionError):
    """A reactor's handler failed on an event, as often as it was tried; it stopped before it."""

    reactor: str
    place: str
    handler: str
    reason: str
    event_id: UUID
    attempts: int

    def __init__(
        self, *, reactor: str, place: str, handler: str, reason: str, event_id: UUID, attempts: int
    ) -> None:
        """Report which *handler* (file and line) failed where, on which event and how often."""
        self.reactor, self.place, self.handler = reactor, place, handler
        self.reason, self.event_id, self.attempts = reason, event_id, attempts
        super().__init__(
            f"reactor {reactor!r} stopped before {place} (event {event_id}) after {attempts} "
            f"attempts: {reason}, in {handler}. See to the reason and start again: it goes on with "
            "this event and the same key. on_failure=Park() sets such events aside."
        )


class CheckpointMoved(ProjectionError):
    """Another worker moved this projection's checkpoint; this worker wrote nothing and stops."""


class LeaseLost(ProjectionError):
    """Another process took this partition over; this worker wrote nothing more and stops."""

    projection: str
    partition: int
    token: int

    def __init__(self, *, projection: str, partition: int, token: int) -> None:
        """Report the *partition* of which *projection*, and the fencing *token* now void."""
        self.projection, self.partition, self.token = projection, partition, token
        super().__init__(
            f"the lease of partition {partition} of {projection!r} (token {token}) is not ours any "
            "more: another process took it over. Nothing was written with it; start again to "
            "share the partitions anew."
        )


class CheckpointAhead(ProjectionError):
    """The read model knows positions the store does not have; rebuild it from this store."""

    position: int
    head: int

    def __init__(self, *, position: int, head: int) -> None:
        """Report the *position* to follow from and the store's *head* before it."""
        self.position, self.head = position, head
        super().__init__(
            f"asked to follow from position {position}, but the store ends at {head}: it is "
            "another store, or restored from an older copy. Rebuild the read model from it."
        )


class PartitionsChanged(ProjectionError):
    """A projection that has run cannot change its number of partitions; rebuild it."""

    projection: str
    there: int
    wanted: int

    def __init__(self, *, projection: str, there: int, wanted: int) -> None:
        """Report how many partitions are *there* and how many the code *wanted*."""
        self.projection, self.there, self.wanted = projection, there, wanted
        super().__init__(
            f"{projection!r} has run with {there} partitions, so it cannot go on with {wanted}: "
            "each partition stands at a position of its own. Set it back, or let the projection "
            "begin anew: rebuild it, or wipe it with ReadModel.wipe. A reactor changes over "
            "by itself once all its partitions stand at one position."
        )


class RebuildRefused(ProjectionError):
    """A rebuild cannot be done now, or would lose something; nothing was changed."""


class ReadModelUnavailable(ProjectionError):
    """The read model's database cannot be reached or written; nothing was applied."""


class ReadModelVersionUnsupported(ProjectionError):
    """The read model was written by a newer Backstory; upgrade Backstory to use it."""

    found: int
    supported: int

    def __init__(self, *, found: int, supported: int) -> None:
        """Report the version *found* of our tables and the newest one *supported* here."""
        self.found, self.supported = found, supported
        super().__init__(
            f"the read model's tables backstory_* have version {found}, this Backstory knows "
            f"versions up to {supported}. Upgrade Backstory to use it; nothing was changed."
        )


class CaughtUpTimeout(ProjectionError):
    """The read model did not reach the position in the time given; try again."""

    wanted: int
    reached: int
    seconds: float

    def __init__(self, *, wanted: int, reached: int, seconds: float) -> None:
        """Report the position *wanted*, the one *reached* and the *seconds* waited."""
        self.wanted, self.reached, self.seconds = wanted, reached, seconds
        super().__init__(
            f"the read model is at position {reached}, not yet at {wanted}, after {seconds:g} s. "
            "Read again a little later, or look at its lag."
        )

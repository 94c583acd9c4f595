"""Incidents: a failure is recorded where it happens, and its command can be repeated elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import msgspec
import pytest

from backstory.application import Application
from backstory.core.errors import CommandRejected, InvalidSetting, MomentNotFound
from backstory.core.history import History
from backstory.core.ids import uuid7
from backstory.core.read import Read
from backstory.core.schema import EventType, Schema
from backstory.domain.decider import Decider
from backstory.domain.repository import Repository
from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from backstory.timemachine.asof import project
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.incidents.incident import FailedCommand, Incident, find_incident
from backstory.timemachine.incidents.recording import Incidents
from backstory.timemachine.incidents.repeating import command_of, repeat
from tests.unit.projections.members import join_all, members_projection, schema


class Paid(msgspec.Struct, frozen=True):
    """Money came in."""

    amount: int


class Split(msgspec.Struct, frozen=True):
    """Give everybody the same share."""

    people: int


class TooEarly(CommandRejected):
    """There is nothing to split."""


def decide(command: Split, total: int) -> Iterator[Paid]:
    """Yield a share; forgets that nobody may be there."""
    if total == 0:
        raise TooEarly
    yield Paid(-(total // command.people))


PURSE: Decider[Split, Paid, int] = Decider(
    initial=0, decide=decide, evolve=lambda total, event: total + event.amount
)
APPLICATION = Application(
    name="purse", schema=Schema(EventType("paid", Paid)), deciders={"purse": PURSE}
)
CLUB = Application(name="club", schema=schema, projections=(members_projection(),))


async def paid(store: MemoryStore, amount: int) -> None:
    """Let *amount* come into the purse of ann."""
    await store.append("purse-ann", [APPLICATION.schema.encode(Paid(amount))])


async def failing(store: MemoryStore, incidents: Incidents, people: int = 0) -> str:
    """Split the purse of ann among *people*; return what the error says is to be typed."""
    purses = Repository(store, APPLICATION.schema, PURSE, category="purse")
    with pytest.raises(ZeroDivisionError) as raised:
        async with incidents.around(stream="purse-ann", command=Split(people)):
            await purses.execute("ann", Split(people))
    [note] = raised.value.__notes__
    return str(note)


async def test_a_command_that_failed_fails_again(store: MemoryStore) -> None:
    """The error carries a line to paste; what it names holds all that it takes."""
    await paid(store, 10)
    note = await failing(store, Incidents(APPLICATION, store))
    assert note.startswith("backstory reproduce SOURCE --at incident:")
    await paid(store, 5)

    incident = await find_incident(store, UUID(note.rpartition(":")[2]))
    assert (incident.error, incident.position) == ("builtins:ZeroDivisionError", 1)
    assert incident.command is not None
    assert (incident.command.stream, incident.command.revision) == ("purse-ann", 0)
    assert "decide" in incident.traceback
    assert incident.code.packages["msgspec"]
    repeated = await repeat(incident, incident.command, APPLICATION, History(store, 1))
    assert repeated.verdict is Verdict.FAILS
    assert "division" in repeated.words


async def test_a_command_that_is_mended_does_not_fail_again(store: MemoryStore) -> None:
    """The same command and state, other code: not reproduced, or another error: cannot tell."""
    await paid(store, 10)
    note = await failing(store, Incidents(APPLICATION, store))
    incident = await find_incident(store, UUID(note.rpartition(":")[2]))
    assert incident.command is not None

    def mended(_: Split, total: int) -> Iterator[Paid]:
        yield Paid(-total)

    def broken(_: Split, total: int) -> Iterator[Paid]:
        raise KeyError(total)

    for function, verdict in ((mended, Verdict.HOLDS), (broken, Verdict.UNKNOWN)):
        decider = msgspec.structs.replace(PURSE, decide=function)
        application = msgspec.structs.replace(APPLICATION, deciders={"purse": decider})
        repeated = await repeat(incident, incident.command, application, History(store, 1))
        assert repeated.verdict is verdict


async def test_a_refusal_is_no_incident(store: MemoryStore) -> None:
    """What a decider is meant to refuse is not recorded."""
    purses = Repository(store, APPLICATION.schema, PURSE, category="purse")
    incidents = Incidents(APPLICATION, store)
    with pytest.raises(TooEarly) as raised:
        async with incidents.around(stream="purse-ann", command=Split(2)):
            await purses.execute("ann", Split(2))
    assert not hasattr(raised.value, "__notes__")
    assert await store.head() == 0


async def test_an_incident_says_how_far_projections_had_come(
    store: MemoryStore, read_model_of_club: ReadModel
) -> None:
    """A read model that lagged is a frequent cause."""
    await join_all(store, ["ann", "bob", "cleo"])
    await project(CLUB, History(store, 2), read_model_of_club)
    incidents = Incidents(CLUB, store, read_model_of_club)
    found = await find_incident(store, await incidents.record(ValueError("no")))
    assert (found.position, found.checkpoints, found.behind) == (3, {"members": 2}, {"members": 2})


@pytest.fixture
async def read_model_of_club() -> AsyncIterator[ReadModel]:
    """Return an empty read model."""
    model = await ReadModel.open("sqlite://")
    yield model
    await model.close()


async def test_the_error_passes_when_it_cannot_be_recorded(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing may hide the failure itself."""
    incidents = Incidents(APPLICATION, store)
    await store.close()
    with pytest.raises(ZeroDivisionError):
        async with incidents.around(command=Split(0)):
            raise ZeroDivisionError
    assert "could not be recorded" in caplog.text


async def test_an_incident_that_is_not_there_is_not_found(store: MemoryStore) -> None:
    """Nor is one that somebody else wrote."""
    with pytest.raises(MomentNotFound, match="no incident"):
        await find_incident(store, uuid7())
    incidents = Incidents(APPLICATION, store)
    incident = await incidents.record(ValueError("no"))
    [event] = await store.read(Read(stream=f"incident-{incident}"))
    assert event.id == incident
    other = uuid7()
    await store.append(f"incident-{other}", [APPLICATION.schema.encode(Paid(1))])
    with pytest.raises(MomentNotFound, match="cannot be read"):
        await find_incident(store, other)


@pytest.mark.parametrize("name", ["tests.nowhere:Split", f"{__name__}:Gone", f"{__name__}:PURSE"])
def test_a_command_whose_class_is_gone_says_so(name: str) -> None:
    """Code moves; then the command cannot be made again."""
    command = FailedCommand(
        stream="purse-ann", command=name, fields=msgspec.Raw(b"{}"), revision=None
    )
    with pytest.raises(InvalidSetting, match="cannot be made again"):
        command_of(command)


async def test_an_incident_of_another_application_says_so(store: MemoryStore) -> None:
    """Which has no decider for the stream."""
    await paid(store, 1)
    note = await failing(store, Incidents(APPLICATION, store))
    incident: Incident = await find_incident(store, UUID(note.rpartition(":")[2]))
    assert incident.command is not None
    with pytest.raises(InvalidSetting, match="no decider"):
        await repeat(incident, incident.command, CLUB, History(store, 1))

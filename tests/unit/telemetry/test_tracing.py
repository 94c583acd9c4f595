"""Traces: from a command through its event to the projection that applies it, by the real SDK."""

from __future__ import annotations

import asyncio
import json

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from backstory.core.ambient import correlated, traceparent
from backstory.core.appending import StreamAppend
from backstory.core.errors import HandlerFailed, InvalidInput
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.read import Read
from backstory.core.store import append_several
from backstory.domain.repository import Repository
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from backstory.telemetry.observing import Telemetry
from backstory.telemetry.tracing import Tracing
from tests.unit.domain import accounts
from tests.unit.projections.members import Joined, join, join_all, members_projection, worker_of
from tests.unit.telemetry.seen import attributes_of, context_of, parent_of, spans

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def identity(span: ReadableSpan) -> str:
    """Return *span* as `traceparent` names it."""
    context = context_of(span)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def account_repository(
    store: MemoryStore, tracing: Tracing
) -> Repository[accounts.Command, accounts.Event, accounts.Account]:
    """Return the repository of accounts on *store*, both observed."""
    telemetry = Telemetry(tracing=tracing)
    repository: Repository[accounts.Command, accounts.Event, accounts.Account] = Repository(
        telemetry.observe_store(store), accounts.SCHEMA, accounts.ACCOUNT, category="account"
    )
    return telemetry.observe_repository(repository)


async def test_a_command_is_a_span_with_its_read_and_its_append(
    store: MemoryStore, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """Where the time of a request went can be seen."""
    repository = account_repository(store, tracing)
    with correlated("request-1"):
        await repository.execute("ann", accounts.Open("Ann"))
    [execute] = spans(exporter, "execute")
    others = [span for span in spans(exporter) if span is not execute]
    assert {span.name for span in others} == {"read", "append"}
    assert {parent_of(span) for span in others} == {context_of(execute).span_id}
    assert parent_of(execute) is None
    assert attributes_of(execute) == {
        "backstory.command": "Open",
        "backstory.stream": "account-ann",
        "backstory.correlation_id": "request-1",
        "backstory.outcome": "ok",
    }


async def test_an_event_names_the_span_it_was_recorded_in(
    store: MemoryStore, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """From a row of the log to the trace, whoever reads it and whenever."""
    await account_repository(store, tracing).execute("ann", accounts.Open("Ann"))
    [event] = await store.read(Read())
    [execute] = spans(exporter, "execute")
    assert event.meta()["traceparent"] == identity(execute)


async def test_an_event_without_a_span_names_none(store: MemoryStore) -> None:
    """Nobody who traces nothing pays for it in every event."""
    repository: Repository[accounts.Command, accounts.Event, accounts.Account] = Repository(
        store, accounts.SCHEMA, accounts.ACCOUNT, category="account"
    )
    await repository.execute("ann", accounts.Open("Ann"))
    [event] = await store.read(Read())
    assert "traceparent" not in event.meta()


async def test_a_command_belongs_to_the_trace_of_its_caller(
    store: MemoryStore, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """A request that comes with `traceparent` goes on in one trace."""
    repository = account_repository(store, tracing)
    with tracing.continuing(CALLER):
        await repository.execute("ann", accounts.Open("Ann"))
    [execute] = spans(exporter, "execute")
    assert execute.parent is not None
    assert identity(execute).split("-")[1] == CALLER.split("-")[1]
    assert f"{execute.parent.span_id:016x}" == CALLER.split("-")[2]
    assert traceparent() is None


async def test_a_traceparent_that_is_none_begins_a_trace(
    store: MemoryStore, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """Headers hold what strangers send."""
    repository = account_repository(store, tracing)
    for number, junk in enumerate(("", "00-0-0-0", "x" * 1_000, CALLER.upper() + "\n")):
        with tracing.continuing(junk):
            await repository.execute(f"a{number}", accounts.Open("Ann"))
    assert {parent_of(span) for span in spans(exporter, "execute")} == {None}


async def test_a_span_that_is_open_already_counts_more_than_the_header(
    store: MemoryStore, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """A framework's own instrumentation has read the header before."""
    repository = account_repository(store, tracing)
    with tracing.command("outer"), tracing.continuing(CALLER):
        await repository.execute("ann", accounts.Open("Ann"))
    outer, inner = spans(exporter, "execute")
    assert parent_of(inner) == context_of(outer).span_id


async def test_a_refused_command_is_an_answer_and_not_a_failure(
    store: MemoryStore, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """Whoever is woken by failures sleeps through a name that is taken."""
    repository = account_repository(store, tracing)
    await repository.execute("ann", accounts.Open("Ann"))
    with pytest.raises(accounts.AlreadyOpen):
        await repository.execute("ann", accounts.Open("Ann"))
    _, refused = spans(exporter, "execute")
    assert attributes_of(refused)["backstory.outcome"] == "rejected"
    assert refused.status.status_code is StatusCode.UNSET


async def test_a_failure_is_marked_and_its_words_are_left_out(
    tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """Type and place are enough; messages may be personal data, and traces leave the house."""
    with pytest.raises(ValueError, match="Ada"), tracing.command("Open"):
        raise ValueError("Ada Lovelace")  # noqa: EM101, TRY003 - stands for any message
    [execute] = spans(exporter)
    assert execute.status.status_code is StatusCode.ERROR
    assert attributes_of(execute)["error.type"] == "ValueError"
    assert "Ada" not in execute.to_json()


async def test_commands_at_once_keep_their_traces_apart(
    store: MemoryStore, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """Tasks of one process share nothing but the process."""
    repository = account_repository(store, tracing)
    await asyncio.gather(*(repository.execute(f"a{n}", accounts.Open("Ann")) for n in range(20)))
    by_stream = {
        attributes_of(span)["backstory.stream"]: span for span in spans(exporter, "execute")
    }
    for append in spans(exporter, "append"):
        execute = by_stream[attributes_of(append)["backstory.stream"]]
        assert parent_of(append) == context_of(execute).span_id
    for event in await store.read(Read()):
        assert event.meta()["traceparent"] == identity(by_stream[event.stream])


async def test_a_batch_is_linked_to_the_commands_of_its_events(
    store: MemoryStore, read_model: ReadModel, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """It has many causes, so it is a trace of its own with a link to each."""
    telemetry = Telemetry(tracing=tracing)
    observed = telemetry.observe_store(store)
    for name in ("ann", "bob"):
        with tracing.command("Join"):
            meta = json.dumps({"traceparent": traceparent()}).encode()
            await observed.append(f"member-{name}", [_with(join(name), meta)])
    worker = worker_of(observed, read_model)
    telemetry.observe_worker(worker)
    await worker.catch_up()
    joins = spans(exporter, "execute")
    [apply] = spans(exporter, "apply")
    assert [link.context.span_id for link in apply.links] == [
        context_of(span).span_id for span in joins
    ]
    assert parent_of(apply) is None
    assert attributes_of(apply) == {
        "backstory.projection": "members",
        "backstory.partition": 0,
        "backstory.events": 2,
        "backstory.position": 2,
        "backstory.outcome": "ok",
    }
    assert spans(exporter, "read") == []  # a trace for each look of a worker would be noise


def _with(event: NewEvent, metadata: bytes) -> NewEvent:
    return NewEvent(event.type, event.data, metadata, event.id)


@pytest.mark.parametrize(
    "metadata",
    [b'{"traceparent":7}', b'{"traceparent":"junk"}', b'{"traceparent":null}'],
    ids=["number", "junk", "null"],
)
async def test_somebody_elses_metadata_does_no_harm(
    store: MemoryStore,
    read_model: ReadModel,
    tracing: Tracing,
    exporter: InMemorySpanExporter,
    metadata: bytes,
) -> None:
    """An event from elsewhere may hold anything; the batch is applied all the same."""
    await store.append("member-ann", [_with(join("ann"), metadata)])
    worker = worker_of(store, read_model)
    tracing.observe_worker(worker)
    assert await worker.catch_up() == 1
    [apply] = spans(exporter, "apply")
    assert apply.links == ()


async def test_a_span_has_a_bounded_number_of_links(
    store: MemoryStore, read_model: ReadModel, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """A rebuild applies a thousand events at once."""
    for number in range(200):
        parent = f"00-{number + 1:032x}-{number + 1:016x}-01"
        meta = json.dumps({"traceparent": parent}).encode()
        await store.append(f"member-{number}", [_with(join(f"n{number}"), meta)])
    worker = worker_of(store, read_model)
    tracing.observe_worker(worker)
    await worker.catch_up()
    [apply] = spans(exporter, "apply")
    assert [link.context.span_id for link in apply.links] == list(range(1, 129))


async def test_a_batch_that_fails_is_marked(
    store: MemoryStore, read_model: ReadModel, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """And names the type of the error, nothing of the event."""
    failing = Projection("failing", tables=[])

    @failing.on(Joined)
    def joined(event: Joined, _recorded: RecordedEvent) -> list[Write]:
        raise ValueError(event.name)

    await join_all(store, ["ada"])
    worker = worker_of(store, read_model, failing)
    tracing.observe_worker(worker)
    with pytest.raises(HandlerFailed):
        await worker.catch_up()
    marked = spans(exporter, "apply")
    assert {span.status.status_code for span in marked} == {StatusCode.ERROR}
    assert "ada" not in marked[0].to_json()


async def test_an_append_to_several_streams_is_one_span(
    store: MemoryStore, tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    """It is one thing that happens or does not."""
    observed = tracing.observe_store(store)
    parts = [StreamAppend(f"member-{name}", [join(name)]) for name in ("ann", "bob")]
    await append_several(observed, parts)
    with pytest.raises(InvalidInput):
        await append_several(observed, [*parts, parts[0]])
    done, refused = spans(exporter, "append")
    assert attributes_of(done)["backstory.streams"] == ("member-ann", "member-bob")
    assert attributes_of(done)["backstory.events"] == 2
    assert attributes_of(refused)["backstory.outcome"] == "refused"


async def test_without_telemetry_nothing_stands_in_between(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """What is not observed costs nothing."""
    nothing = Telemetry()
    repository: Repository[accounts.Command, accounts.Event, accounts.Account] = Repository(
        store, accounts.SCHEMA, accounts.ACCOUNT, category="account"
    )
    worker = worker_of(store, read_model, members_projection())
    assert nothing.observe_store(store) is store
    assert nothing.observe_repository(repository) is repository
    nothing.observe_worker(worker)
    with nothing.command("Open"):
        assert traceparent() is None


def test_a_process_that_set_up_no_tracing_has_none() -> None:
    """Spans that nobody collects are not made."""
    assert Telemetry.installed().tracing is None
    assert Telemetry.installed().metrics is not None

"""Metrics: what Prometheus reads is what happened, and its names and labels stay few."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from backstory.core.appending import StreamAppend
from backstory.core.errors import HandlerFailed, InvalidInput, StoreClosed
from backstory.core.expected import NO_STREAM, WrongExpectedRevision
from backstory.core.listening import Committing
from backstory.core.read import Read
from backstory.core.store import AppendingSeveral, Power, Verifying, append_several, power_missing
from backstory.projections.policy import Park
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.projections.workers import Workers
from backstory.stores.memory import MemoryStore
from backstory.stores.sqlite import SqliteStore
from backstory.telemetry.catalogue import METRICS, Metric
from backstory.telemetry.metrics import Metrics
from tests.unit.projections.members import (
    Joined,
    join,
    join_all,
    members_projection,
    schema,
    until,
    worker_of,
)
from tests.unit.telemetry.seen import Samples, samples_of

Shown = Callable[[], Samples]


async def test_appends_are_counted_by_how_they_ended(
    store: MemoryStore, metrics: Metrics, samples: Shown
) -> None:
    """A flood of conflicts and a slow disk look different."""
    measured = metrics.observe_store(store)
    await measured.append("member-a", [join("a"), join("a")])
    with pytest.raises(WrongExpectedRevision):
        await measured.append("member-a", [join("a")], expected=NO_STREAM)
    with pytest.raises(InvalidInput):
        await measured.append("", [join("a")])
    seen = samples()
    for outcome in ("ok", "conflict", "refused"):
        assert seen[f'backstory_append_seconds_count{{outcome="{outcome}"}}'] == 1
    assert seen["backstory_append_events_total"] == 2
    assert 0 < seen['backstory_append_seconds_sum{outcome="ok"}'] < 10


async def test_an_append_to_several_streams_is_one_append(
    store: MemoryStore, metrics: Metrics, samples: Shown
) -> None:
    """It is one transaction; its events are all counted."""
    parts = [StreamAppend(f"member-{name}", [join(name)]) for name in "abc"]
    await append_several(metrics.observe_store(store), parts)
    assert samples()['backstory_append_seconds_count{outcome="ok"}'] == 1
    assert samples()["backstory_append_events_total"] == 3


async def test_reads_are_counted_with_their_events(
    store: MemoryStore, metrics: Metrics, samples: Shown
) -> None:
    """Pages that are always full say that somebody catches up."""
    measured = metrics.observe_store(store)
    await join_all(store, ["a", "b", "c"])
    await measured.read(Read())
    seen = samples()
    assert seen['backstory_read_seconds_count{outcome="ok"}'] == 1
    assert seen["backstory_read_events_sum"] == 3


async def test_the_transactions_of_a_store_are_counted(tmp_path: Path) -> None:
    """How many appends share one says whether the disk is the limit."""
    metrics = Metrics()
    store = metrics.observe_store(await SqliteStore.open(f"sqlite:///{tmp_path}/events.db"))
    await asyncio.gather(*(store.append(f"member-{n}", [join("x")]) for n in range(20)))
    await store.close()
    seen = samples_of(metrics.registry)
    commits = seen["backstory_commit_seconds_count"]
    assert seen["backstory_batch_appends_sum"] == 20
    assert seen["backstory_batch_appends_count"] == commits
    assert 1 <= commits <= 20
    assert seen["backstory_commit_seconds_sum"] > 0


async def test_a_projection_shows_how_far_it_is_behind(
    store: MemoryStore, read_model: ReadModel, metrics: Metrics, samples: Shown
) -> None:
    """In events and in seconds, asked for when somebody looks."""
    await join_all(store, ["a", "b", "c"])
    worker = worker_of(store, read_model, page=2)
    metrics.observe_worker(worker)
    await worker.catch_up()
    seen = samples()
    one = '{partition="0",projection="members"}'
    assert seen[f"backstory_projection_position{one}"] == 3
    assert seen[f"backstory_projection_lag_events{one}"] == 0
    assert seen[f"backstory_projection_lag_seconds{one}"] == 0
    assert seen[f"backstory_parked_events{one}"] == 0
    assert seen['backstory_projection_failed{projection="members"}'] == 0
    assert seen['backstory_projection_batch_events_sum{projection="members"}'] == 3
    applied = '{outcome="ok",projection="members"}'
    assert seen[f"backstory_projection_batch_seconds_count{applied}"] >= 2


async def test_events_behind_a_slow_batch_are_lag(
    store: MemoryStore, read_model: ReadModel, metrics: Metrics, samples: Shown
) -> None:
    """A projection that is stuck is seen by its lag, which grows with time."""
    slow, started, go_on = _slow_projection()
    worker = worker_of(store, read_model, slow, page=1)
    metrics.observe_worker(worker)
    await join_all(store, ["a", "b", "c"])
    running = asyncio.ensure_future(worker.catch_up())
    await started.wait()
    one = '{partition="0",projection="slow"}'
    assert samples()[f"backstory_projection_lag_events{one}"] == 3
    earlier = samples().get(f"backstory_projection_lag_seconds{one}", 0.0)
    await until(
        lambda: samples().get(f"backstory_projection_lag_seconds{one}", 0.0) > max(earlier, 0.01)
    )
    go_on()
    await running
    assert samples()[f"backstory_projection_lag_events{one}"] == 0


def _slow_projection() -> tuple[Projection, asyncio.Event, Callable[[], None]]:
    slow = Projection("slow", tables=[])
    loop, started, gate = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    @slow.on(Joined)
    def joined(_event: Joined, _recorded: object) -> list[Write]:
        loop.call_soon_threadsafe(started.set)
        gate.wait(30)
        return []

    return slow, started, gate.set


def _failing_projection(name: str = "failing") -> Projection:
    failing = Projection(name, tables=[])

    @failing.on(Joined)
    def joined(event: Joined, _recorded: object) -> list[Write]:
        raise ValueError(event.name)

    return failing


async def test_a_projection_that_has_stopped_is_seen(
    store: MemoryStore, read_model: ReadModel, metrics: Metrics, samples: Shown
) -> None:
    """Somebody has to be called."""
    await join_all(store, ["a"])
    worker = worker_of(store, read_model, _failing_projection())
    metrics.observe_worker(worker)
    with pytest.raises(HandlerFailed):
        await worker.catch_up()
    seen = samples()
    assert seen['backstory_projection_failed{projection="failing"}'] == 1
    failed = '{outcome="failed",projection="failing"}'
    assert seen[f"backstory_projection_batch_seconds_count{failed}"] >= 1


async def test_parked_events_are_counted(
    store: MemoryStore, read_model: ReadModel, metrics: Metrics, samples: Shown
) -> None:
    """They wait for somebody, too."""
    await join_all(store, ["a", "b"])
    worker = Worker(
        _failing_projection(), schema=schema, store=store, read_model=read_model, on_failure=Park()
    )
    metrics.observe_worker(worker)
    await worker.catch_up()
    assert samples()['backstory_parked_events{partition="0",projection="failing"}'] == 2
    assert samples()['backstory_projection_failed{projection="failing"}'] == 0


async def test_the_leases_of_a_process_are_counted(
    store: MemoryStore, read_model: ReadModel, metrics: Metrics, samples: Shown
) -> None:
    """Those of all processes together are the partitions, or some of them stand still."""
    workers = Workers(
        [members_projection()], schema=schema, store=store, read_model=read_model, lease=5
    )
    metrics.observe_worker(workers)
    assert samples()['backstory_leases{projection="members"}'] == 0
    position = await join_all(store, ["a", "b"])
    running = asyncio.ensure_future(workers.run())
    applied = 'backstory_projection_position{partition="0",projection="members"}'
    await until(lambda: samples().get(applied) == position)
    assert samples()['backstory_leases{projection="members"}'] == 1
    await workers.stop()
    await running
    assert samples()['backstory_leases{projection="members"}'] == 0


async def test_a_worker_that_nobody_runs_any_more_is_not_shown(
    store: MemoryStore, read_model: ReadModel, metrics: Metrics, samples: Shown
) -> None:
    """A gauge that is never set again would lie for ever."""
    worker = worker_of(store, read_model)
    metrics.observe_worker(worker)
    assert 'backstory_leases{projection="members"}' in samples()
    del worker
    gc.collect()
    assert 'backstory_leases{projection="members"}' not in samples()


async def test_what_users_write_makes_no_new_series(
    store: MemoryStore, read_model: ReadModel, metrics: Metrics, samples: Shown
) -> None:
    """A million streams are as many series as one: Prometheus keeps each in memory."""
    measured = metrics.observe_store(store)
    worker = worker_of(measured, read_model)
    metrics.observe_worker(worker)
    await join_all(measured, ["a"])
    await worker.catch_up()
    before = set(samples())
    await join_all(measured, [f"name{number}" for number in range(50)])
    await measured.append("another category", [join("b")])
    await worker.catch_up()
    assert set(samples()) == before


async def test_an_observed_store_has_the_powers_of_the_store(
    tmp_path: Path, store: MemoryStore, metrics: Metrics
) -> None:
    """Powers are recognised by their methods, so none may be added or lost."""
    file = await SqliteStore.open(f"sqlite:///{tmp_path}/events.db")
    for inner in (store, file):
        measured = Metrics().observe_store(inner)
        for power in (Verifying, AppendingSeveral, Committing):
            assert isinstance(measured, power) == isinstance(inner, power)
    await metrics.observe_store(file).close()
    with pytest.raises(StoreClosed):
        await file.head()


def test_what_is_registered_is_what_the_catalogue_says() -> None:
    """Names, kinds and labels; dashboards and alerts are written against them."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    kinds = {family.name: family.type for family in registry.collect()}
    assert kinds == {metric.name.removesuffix("_total"): metric.kind for metric in METRICS}
    assert metrics.registry is registry
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_named_as_prometheus_wants_it(metric: Metric) -> None:
    """The unit is part of the name, and a counter is a total."""
    assert metric.name.startswith("backstory_")
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert set(metric.labels) <= {"outcome", "projection", "partition"}
    assert metric.meaning.endswith(".")


def test_a_missing_power_names_the_store_and_not_who_observes_it(
    store: MemoryStore, metrics: Metrics
) -> None:
    """However many stand around it."""
    observed = Metrics().observe_store(metrics.observe_store(store))
    assert power_missing(observed, Power.VERIFIABLE).store == "MemoryStore"

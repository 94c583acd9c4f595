"""The command: `python -m bench`, which is what `make bench` runs."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from bench import machine
from bench.contestants import CONTESTANTS, Contestant
from bench.databases import serving_postgres
from bench.job import SCALES
from bench.place import POSTGRES
from bench.report import Result, show, write_json
from bench.run import ROOT, Run
from bench.workloads import OURS, OURS_ON_POSTGRES, WORKLOADS, Workload, chosen

_OUT: Final = ROOT / "build" / "bench"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report and draw; return 1 when something of ours could not be measured."""
    asked = _parser().parse_args(arguments)
    out: Path = asked.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    say = Console(stderr=True, highlight=False, markup=False).print
    load = {"before": machine.load()}
    # Not in the system's temporary folder: that may be memory, where a sync costs nothing.
    data = Path(tempfile.mkdtemp(prefix="data-", dir=out))
    try:
        run = Run(SCALES[asked.scale], data=data, cache=out / "cache", say=say)
        with _servers(asked.contestants, data):
            entries = run.measure(asked.workloads, asked.contestants, rounds=asked.rounds)
    finally:
        shutil.rmtree(data, ignore_errors=True)
    load["after"] = machine.load()
    result = Result(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        scale=asked.scale,
        rounds=asked.rounds,
        machine=machine.describe(),
        load=load,
        entries=entries,
    )
    _report(result, out)
    ours = {OURS, OURS_ON_POSTGRES}
    failed = any(entry.contestant in ours and not entry.outcomes for entry in entries)
    return 1 if failed else 0


def _servers(contestants: Sequence[Contestant], data: Path) -> AbstractContextManager[None]:
    """Return what runs the servers that some of *contestants* share."""
    if any(one.place == POSTGRES and one.missing is None for one in contestants):
        return serving_postgres(data / "postgres")
    return nullcontext()


def _report(result: Result, out: Path) -> None:
    from bench.picture import draw  # noqa: PLC0415 - so that --help needs no matplotlib

    write_json(result, out / "result.json")
    show(result, out / "result.txt")
    for name in ("result.svg", "result.png"):
        draw(result, out / name)
    print(f"written to {out}: result.json, result.txt, result.svg, result.png")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure Backstory beside the raw limits and the peers, in one run.",
        epilog=f"workloads: {', '.join(WORKLOADS)}; contestants: {', '.join(CONTESTANTS)}",
    )
    parser.add_argument(
        "--workloads", type=_workloads, default=chosen(""), help="some of them: W1,W2,W8-GET"
    )
    parser.add_argument(
        "--contestants", type=_contestants, default=list(CONTESTANTS.values()), help="some of them"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured (3)")
    parser.add_argument("--scale", choices=SCALES, default="full", help="how much and how long")
    parser.add_argument("--out", type=Path, default=_OUT, help="folder for results and data")
    return parser


def _workloads(names: str) -> list[Workload]:
    try:
        return chosen(names)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _contestants(names: str) -> list[Contestant]:
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in CONTESTANTS:
            message = f"no contestant is called {name!r}; there are {', '.join(CONTESTANTS)}"
            raise argparse.ArgumentTypeError(message)
    return [contestant for name, contestant in CONTESTANTS.items() if name in wanted]


if __name__ == "__main__":
    sys.exit(main())

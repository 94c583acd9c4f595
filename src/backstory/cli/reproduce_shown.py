"""What came of reproducing, for people and for programs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.as_of_shown import say_stand
from backstory.cli.envelope import json_line, timestamp
from backstory.cli.located_shown import MomentLine, in_words, moment_line
from backstory.cli.screen import console, counted, is_terminal, say, write_bytes, write_row
from backstory.explore.visible import visible
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.captures.code import code_version, different_packages, folder_of
from backstory.timemachine.reproducing import Kind

if TYPE_CHECKING:
    from backstory.application import Application
    from backstory.cli.past import Past
    from backstory.timemachine.reproducing import Finding, Reproduction

_WORDS = {
    Verdict.FAILS: ("REPRODUCED", "bold red"),
    Verdict.HOLDS: ("NOT REPRODUCED", "bold green"),
    Verdict.UNKNOWN: ("CANNOT TELL", "bold yellow"),
}
_MARKS = {Verdict.FAILS: "fails", Verdict.HOLDS: "holds", Verdict.UNKNOWN: "cannot tell"}
_SOME = 3


class FindingLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was run again, as JSON."""

    kind: str
    name: str
    verdict: str
    words: str
    position: int | None


class ReproductionLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `reproduce --json` writes, in this order."""

    verdict: str
    moment: MomentLine
    findings: list[FindingLine]


def write_reproduction(done: Reproduction, past: Past, *, json: bool) -> None:
    """Write the verdict, and each thing that was run again."""
    word, style = _WORDS[done.verdict]
    if json:
        line = ReproductionLine(
            verdict=word,
            moment=moment_line(past.located),
            findings=[_line(finding) for finding in done.findings],
        )
        write_bytes([json_line(line)])
    elif is_terminal():
        screen = console()
        screen.print(word, style=style)
        for finding in done.findings:
            screen.print(visible(f"  {finding.kind.value} {finding.name}: {_how(finding)}"))
    else:
        write_row(word)
        for finding in done.findings:
            write_row(finding.kind.value, finding.name, _MARKS[finding.verdict], finding.words)


def _line(finding: Finding) -> FindingLine:
    return FindingLine(
        kind=finding.kind.value,
        name=finding.name,
        verdict=finding.verdict.value,
        words=finding.words,
        position=None if finding.event is None else finding.event.position,
    )


def _how(finding: Finding) -> str:
    mark = _MARKS[finding.verdict]
    return f"{mark}: {finding.words}" if finding.words else mark


def say_reproduction(done: Reproduction, past: Past, options: Sequence[str]) -> None:
    """Say what stopped, and what to type next, with the same *options*."""
    for stand in done.stands:
        say_stand(stand, past.position)
    failing = done.failing
    if failing is None:
        return
    source = shlex.join([past.place, *options])
    if failing.event is not None:
        say(f"guilty: {in_words(failing.event)}", style="bold")
        say(f"next: backstory step {source} --at {failing.event.position}")
    elif failing.kind is Kind.CHECK:
        name = shlex.quote(failing.name)
        say(f"next: backstory bisect {source} --fails {name} --bad {past.position}")


def say_differences(past: Past, application: Application) -> None:
    """Say where a capture is from, and in what the code here differs from what it ran with."""
    manifest = past.source.manifest
    if manifest is None:
        return
    say(f"captured {timestamp(manifest.captured_at)} from {manifest.origin}")
    changed = [
        one.name
        for one in application.projections
        if manifest.fingerprints.get(one.name) != one.fingerprint
    ]
    if changed:
        say(f"other code than when it was captured: {', '.join(changed)}", style="yellow")
    module = None if manifest.target is None else folder_of(manifest.target.partition(":")[0])
    packages = different_packages(manifest.code, code_version(module))
    if packages:
        named = [f"{name} {then} -> {now}" for name, (then, now) in list(packages.items())[:_SOME]]
        more = f" and {len(packages) - _SOME} more" if len(packages) > _SOME else ""
        count = counted(len(packages), "package")
        say(f"{count} of another version than when it was captured: {', '.join(named)}{more}")

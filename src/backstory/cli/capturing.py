"""Making a capture for a command: slice, scrubbing, and the proof that the failure is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from backstory.application import Application
from backstory.cli.application import opened_live
from backstory.cli.capture_shown import say_capture, write_capture_line
from backstory.cli.exits import ExitCode
from backstory.cli.fencing import fenced
from backstory.cli.located_shown import say_moment
from backstory.cli.past import Past, opened_past
from backstory.cli.progress import progress
from backstory.cli.screen import say
from backstory.core.errors import CaptureRefused, InvalidSetting
from backstory.core.events import RecordedEvent
from backstory.core.read import MAX_LIMIT, Read
from backstory.core.reading import pages
from backstory.explore.links import correlation_of
from backstory.projections.parked_table import Which, find_parked
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.captures.code import code_version, folder_of
from backstory.timemachine.captures.manifest import Judged, KeptParked
from backstory.timemachine.captures.scrubbing import Scrubbing
from backstory.timemachine.captures.slice import Slice
from backstory.timemachine.captures.slices import Choice
from backstory.timemachine.captures.writing import (
    Captured,
    Wanted,
    slice_since,
    streams_of,
    write_capture,
)
from backstory.timemachine.checking import Judgement, judge, named_check
from backstory.timemachine.correlating import correlated
from backstory.timemachine.incidents.incident import Incident, find_incident
from backstory.timemachine.moment import AtIncident

_MOST_PARKED: Final = 10_000
_NAMED: Final = 3


class ScrubWish(msgspec.Struct, frozen=True):
    """What was asked for about personal data; see the options."""

    policy: str | None
    key: str | None
    none: bool
    allowed: tuple[str, ...]


class SliceWish(msgspec.Struct, frozen=True):
    """Which events were asked for; see the options."""

    slice: Slice
    streams: tuple[str, ...]
    categories: tuple[str, ...]
    most: int


class Live(msgspec.Struct, frozen=True):
    """Where the live read model is, if one was named."""

    url: str | None
    schema: str


class Capturing(msgspec.Struct, frozen=True):
    """What `capture` was asked to do; see its options."""

    application: Application
    target: str | None
    out: Path
    wish: SliceWish
    scrub: ScrubWish
    live: Live
    fails: str | None
    json: bool

    async def work(
        self, source: str, at: str | None, *, snapshots: str | None, behind: Sequence[str] | None
    ) -> int:
        """Make the capture, and return the exit code."""
        past_of = opened_past(source, at, snapshots=snapshots, behind=behind, around=2)
        async with past_of as past:
            say_moment(past.located)
            wanted, scrubbing = await self._wanted(past)
            with progress("capturing", total=past.position) as bar:
                captured = await write_capture(
                    self.application, past.history, self.out, wanted, told=bar.reach
                )
        if scrubbing is not None:
            await self._look_for_leaks(captured, scrubbing)
        if self.fails is not None and not await self._fails_in(captured, self.fails):
            return ExitCode.NOT_REPRODUCED
        if scrubbing is None and self.scrub.none:
            say("personal data is in it as it was: treat the file like the production data it is")
        say_capture(captured)
        write_capture_line(captured, json=self.json)
        return ExitCode.DONE

    async def _look_for_leaks(self, captured: Captured, scrubbing: Scrubbing) -> None:
        """Read the capture as a stranger would; refuse it when it holds what was to be hidden."""
        said = captured.manifest
        found = [*scrubbing.leaks(msgspec.json.encode((said.parked, said.incident, said.fails)))]
        async with opened_past(str(captured.path)) as past:
            async for page in pages(past.history, Read(limit=MAX_LIMIT)):
                held = [(one.stream.encode(), one.data, one.metadata) for one in page]
                document = b"\n".join(part for parts in held for part in parts)
                found += await asyncio.to_thread(scrubbing.leaks, document)
        kept = [value for value in dict.fromkeys(found) if value not in self.scrub.allowed]
        if kept:
            captured.path.unlink()
            message = (
                f"{', '.join(map(repr, kept[:_NAMED]))} would still be in the capture: a field "
                "that is kept holds what another one hides. Treat it too (--scrub), or say that it "
                "may be there (--allow). No file is left."
            )
            raise CaptureRefused(message)

    async def _wanted(self, past: Past) -> tuple[Wanted, Scrubbing | None]:
        scrubbing = scrubbing_for(self.application, self.scrub)
        behind, parked = await self._live(past)
        folder = None if self.target is None else folder_of(self.target.partition(":")[0])
        fails = None if self.fails is None else await self._judged(past, self.fails)
        wanted = Wanted(
            target=self.target,
            choice=await self._choice(past, behind),
            behind=behind,
            parked=parked,
            snapshots=past.snapshots,
            scrubbing=scrubbing,
            fails=fails,
            incident=await self._incident(past),
            code=await asyncio.to_thread(code_version, folder),
        )
        return wanted, scrubbing

    async def _incident(self, past: Past) -> Incident | None:
        if not isinstance(past.moment, AtIncident):
            return None
        return await find_incident(past.source.store, past.moment.id)

    async def _judged(self, past: Past, name: str) -> Judged:
        judgement = await self._judge(past, name)
        return Judged(check=name, verdict=judgement.verdict, words=judgement.words)

    async def _choice(self, past: Past, behind: Mapping[str, int]) -> Choice:
        streams, correlation, since = self.wish.streams, None, 0
        if self.wish.slice is not Slice.RELATED and self.wish.categories:
            message = "--category belongs to --slice related; the others hold every event needed"
            raise InvalidSetting(message)
        if self.wish.slice is Slice.RECENT:
            since = await slice_since(self.application, past.history, past.snapshots, behind)
        elif self.wish.slice is Slice.RELATED:
            related, correlation = await self._related(past)
            streams = (*streams, *await streams_of(past.history, related))
        return Choice(
            slice=self.wish.slice,
            since=since,
            streams=tuple(dict.fromkeys(streams)),
            categories=self.wish.categories,
            correlation=correlation,
            most=self.wish.most,
        )

    async def _related(self, past: Past) -> tuple[Sequence[RecordedEvent], str | None]:
        event = past.located.event
        correlation = None if event is None else correlation_of(event)
        if correlation is None:
            return (), None
        related = await correlated(past.source.store, correlation, past.position)
        return related, correlation

    async def _live(self, past: Past) -> tuple[dict[str, int], list[KeptParked]]:
        """Return how projections stand at the moment, as far as the live read model can tell."""
        behind = dict(past.behind)
        if self.live.url is None:
            return behind, []
        async with opened_live(self.live.url, self.live.schema) as model:
            for one in self.application.projections:
                position = await model.checkpoint(one.name)
                if position < past.position:
                    behind.setdefault(one.name, position)
            found = await find_parked(model, Which(), limit=_MOST_PARKED)
        parked = [
            KeptParked(
                projection=one.projection,
                position=one.position,
                stream=one.stream,
                type=one.type,
                error=one.error,
                attempts=one.attempts,
            )
            for one in found
            if one.position <= past.position
        ]
        return behind, parked

    async def _fails_in(self, captured: Captured, name: str) -> bool:
        """Say whether the check fails in the capture too; remove the file when it does not."""
        async with opened_past(str(captured.path)) as past:
            judgement = await self._judge(past, name)
        if judgement.verdict is Verdict.FAILS:
            return True
        captured.path.unlink()
        what = "cannot be told" if judgement.verdict is Verdict.UNKNOWN else "holds"
        say(
            f"NOT REPRODUCED: {name!r} {what} in the capture {judgement.words}; no file is left. "
            "Take more with --slice all or --category, or keep the field it depends on",
            style="bold red",
        )
        return False

    async def _judge(self, past: Past, name: str) -> Judgement:
        check = named_check(self.application, name)
        with fenced() as replay:
            async with past.session(self.application, replay=replay) as session:
                model = None if check.category is not None else await session.at(past.position)
                return await judge(check, self.application, past.history, model)


def scrubbing_for(application: Application, wish: ScrubWish) -> Scrubbing | None:
    """Return who treats personal data as was wished, None when there is nothing to treat.

    Raises `InvalidSetting` for wishes that contradict one another, a policy or a key that cannot be
    used.
    """
    if wish.none:
        if wish.policy is not None or wish.key is not None:
            message = "--no-scrub keeps everything as it is; leave --scrub and --scrub-key away"
            raise InvalidSetting(message)
        return None
    from backstory.timemachine.scrubbing.keys import key_from_file, new_key
    from backstory.timemachine.scrubbing.policy import load_policy, policy_of
    from backstory.timemachine.scrubbing.scrubber import Scrubber

    policy = (
        policy_of(application.schema)
        if wish.policy is None
        else load_policy(Path(wish.policy), application.schema)
    )
    if wish.policy is None and not policy.treats_anything:
        return None
    key = new_key() if wish.key is None else key_from_file(Path(wish.key))
    return Scrubber(policy, key, application.schema)

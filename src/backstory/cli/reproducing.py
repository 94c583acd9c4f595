"""Reproducing for a command: what is run again, and what can be done with it then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Never

import msgspec

from backstory.application import Application, Check
from backstory.cli.application import found_application, opened_read_model
from backstory.cli.debugging import debug
from backstory.cli.envelope import timestamp
from backstory.cli.exits import ExitCode
from backstory.cli.fencing import fenced
from backstory.cli.frozen import serve_frozen
from backstory.cli.located_shown import say_moment
from backstory.cli.past import Past, opened_past
from backstory.cli.process import Stop
from backstory.cli.replaying import replaying
from backstory.cli.reproduce_shown import say_differences, say_reproduction, write_reproduction
from backstory.cli.screen import say
from backstory.core.errors import InvalidSetting
from backstory.timemachine.asof import as_of
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.checking import named_check
from backstory.timemachine.incidents.incident import Incident, find_incident
from backstory.timemachine.moment import AtIncident
from backstory.timemachine.reproducing import Reproduction, reproduce
from backstory.timemachine.sources import without_password

_CODES = {
    Verdict.FAILS: ExitCode.DONE,
    Verdict.HOLDS: ExitCode.NOT_REPRODUCED,
    Verdict.UNKNOWN: ExitCode.UNKNOWN,
}


class Reproducing(msgspec.Struct, frozen=True, kw_only=True):
    """What `reproduce` was asked to do; see its options."""

    app: str | None
    fails: str | None
    db: str | None
    schema: str
    serve: str | None
    port: int
    pdb: bool
    redeliver: bool
    unfenced: bool
    json: bool

    async def work(
        self,
        stop: Stop,
        source: str,
        at: str | None,
        *,
        snapshots: str | None,
        behind: Sequence[str] | None,
    ) -> int:
        """Reproduce, and return the exit code."""
        past_of = opened_past(source, at, snapshots=snapshots, behind=behind, around=2)
        async with past_of as past:
            application = self._application(past)
            say_moment(past.located)
            say_differences(past, application)
            incident = await self._incident(past)
            if incident is not None:
                happened = timestamp(incident.happened_at)
                say(f"incident of {happened}: {incident.error}: {incident.message}")
            check = self._check(application, past, incident)
            done = await self._reproduced(application, past, check, incident)
            write_reproduction(done, past, json=self.json)
            say_reproduction(done, past, self._options)
            await self._keep(application, past)
            if self.pdb:
                await debug(application, past, done, incident, redeliver=self.redeliver)
            if self.serve is not None:
                await serve_frozen(self.serve, application, past, stop, port=self.port)
        return _CODES[done.verdict]

    @property
    def _options(self) -> list[str]:
        """Return the options that other commands take, too, as they were given."""
        app = [] if self.app is None else ["--app", self.app]
        return app + ["--redeliver"] * self.redeliver + ["--no-fences"] * self.unfenced

    def _application(self, past: Past) -> Application:
        """Return the application that was named, here or in the capture."""
        manifest = past.source.manifest
        if self.app is not None or manifest is None or manifest.target is None:
            return found_application(self.app)
        try:
            return found_application(None)
        except InvalidSetting:
            return found_application(manifest.target)

    async def _incident(self, past: Past) -> Incident | None:
        named = past.moment
        if isinstance(named, AtIncident):
            return await find_incident(past.source.store, named.id)
        manifest = past.source.manifest
        return None if manifest is None else manifest.incident

    def _check(
        self, application: Application, past: Past, incident: Incident | None
    ) -> Check[Never] | None:
        manifest = past.source.manifest
        name = self.fails
        if name is None and incident is not None:
            name = incident.check
        if name is None and manifest is not None and manifest.fails is not None:
            name = manifest.fails.check
        return None if name is None else named_check(application, name)

    async def _reproduced(
        self,
        application: Application,
        past: Past,
        check: Check[Never] | None,
        incident: Incident | None,
    ) -> Reproduction:
        with (
            fenced(unfenced=self.unfenced, redeliver=self.redeliver) as replay,
            replaying(past.position) as tell,
        ):
            async with past.session(application, replay=replay, tell=tell) as session:
                if self.fails is not None:
                    incident = None
                return await reproduce(session, check=check, incident=incident)

    async def _keep(self, application: Application, past: Past) -> None:
        if self.db is None:
            return
        place = without_password(self.db)
        async with opened_read_model(self.db, self.schema) as model:
            for projection in application.projections:
                if await model.prepare(projection):
                    message = f"{place} holds a read model already; give another place with --db"
                    raise InvalidSetting(message)
            with fenced(unfenced=self.unfenced, redeliver=self.redeliver) as replay:
                await as_of(
                    application,
                    past.history,
                    model,
                    snapshots=None if self.redeliver else past.snapshots,
                    behind=past.behind,
                    replay=replay,
                )
        say(f"all read models as of the moment are in {place}")

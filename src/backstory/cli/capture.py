"""`backstory capture`: one file that holds all that a failure needs to happen again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backstory.cli.application import SCHEMA, App, SchemaName
from backstory.cli.parameters import Json
from backstory.cli.past import At, Behind, Snapshots, Source
from backstory.timemachine.captures.slice import MOST_EVENTS, Slice

Out = Annotated[
    str, typer.Option("--out", "-o", metavar="FILE", help="The file to write; none may be there.")
]
SliceOption = Annotated[
    Slice,
    typer.Option(
        "--slice",
        metavar="WHICH",
        help="all: every event up to the moment. recent: the nearest snapshot, what came after it, "
        "and the whole of the streams touched since. related: the streams of the events that the "
        "correlation ids and causes connect with the moment, and those named.",
    ),
]
Streams = Annotated[
    list[str] | None,
    typer.Option("--stream", metavar="NAME", help="This stream too; may be repeated."),
]
Categories = Annotated[
    list[str] | None,
    typer.Option("--category", metavar="NAME", help="This category too; may be repeated."),
]
Fails = Annotated[
    str | None,
    typer.Option(
        "--fails",
        metavar="CHECK",
        help="The check that fails there; the capture is kept only if it fails in it, too.",
    ),
]
Scrub = Annotated[
    str | None,
    typer.Option(
        "--scrub",
        metavar="FILE",
        help="The policy for personal data, in TOML; what the events are annotated with unless "
        "given.",
    ),
]
NoScrub = Annotated[
    bool, typer.Option("--no-scrub", help="Keep personal data, annotated or not, as it is.")
]
ScrubKey = Annotated[
    str | None,
    typer.Option(
        "--scrub-key",
        metavar="FILE",
        help="The secret that pseudonyms are made with; a new one each time unless given.",
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="VALUE",
        help="Do not refuse the capture because a field that is kept holds this; may be repeated.",
    ),
]
LiveReadModel = Annotated[
    str | None,
    typer.Option(
        "--read-model",
        metavar="URL",
        help="The live read model: how far its projections have come, and what they parked.",
    ),
]
Most = Annotated[
    int, typer.Option("--most", min=1, metavar="N", help="Refuse a slice of more events.")
]


def capture(  # noqa: PLR0913 - one parameter for each option
    source: Source,
    *,
    app: App = None,
    at: At = None,
    out: Out,
    slice_: SliceOption = Slice.ALL,
    streams: Streams = None,
    categories: Categories = None,
    fails: Fails = None,
    scrub: Scrub = None,
    no_scrub: NoScrub = False,
    scrub_key: ScrubKey = None,
    allow: Allow = None,
    read_model: LiveReadModel = None,
    schema: SchemaName = SCHEMA,
    behind: Behind = None,
    snapshots: Snapshots = None,
    most: Most = MOST_EVENTS,
    json: Json = False,
) -> None:
    """Take the events of a moment away in one file, with what belongs to them.

    The file is a SQLite event store that any tool can open. It holds the events up to the moment,
    how far the projections had come, parked events, the nearest snapshot, the revision of the code
    and the versions of its packages, and a SHA-256 of everything. Personal data that is annotated
    is replaced by pseudonyms: equal stays equal. The source is only read.

    Exit code 6 when the check of `--fails` does not fail in the capture; no file is left then.
    """
    from backstory.cli.application import found_application, target_of
    from backstory.cli.capturing import Capturing, Live, ScrubWish, SliceWish
    from backstory.cli.process import Stop, run

    capturing = Capturing(
        found_application(app),
        target_of(app),
        Path(out),
        SliceWish(slice_, tuple(streams or ()), tuple(categories or ()), most),
        ScrubWish(scrub, scrub_key, none=no_scrub, allowed=tuple(allow or ())),
        Live(read_model, schema),
        fails=fails,
        json=json,
    )

    async def work(_: Stop) -> int:
        return await capturing.work(source, at, snapshots=snapshots, behind=behind)

    raise typer.Exit(run(work))

"""`backstory serve`: a store, to every client that speaks EventStoreDB, and to browsers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backstory.cli.parameters import LogLines
from backstory.telemetry.log_format import LogFormat

StoreUrl = Annotated[
    str,
    typer.Argument(
        metavar="[STORE_URL]",
        help="The event store: sqlite:///file.db, postgresql://host/database or memory:",
        envvar="BACKSTORY_SERVE_STORE_URL",
    ),
]
Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")]
Port = Annotated[
    int,
    typer.Option(
        "--port", metavar="N", min=0, max=65_535, help="The port to listen on; 0 takes a free one."
    ),
]
Advertised = Annotated[
    str | None,
    typer.Option(
        "--advertise",
        metavar="HOST",
        help="The host that clients who discover the server are told; else the one listened on.",
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option("--tls-cert", metavar="FILE", help="Certificate (chain) in PEM; turns TLS on."),
]
Key = Annotated[
    Path | None, typer.Option("--tls-key", metavar="FILE", help="The certificate's key in PEM.")
]
Dev = Annotated[
    Path | None,
    typer.Option(
        "--dev",
        metavar="DIR",
        help="Turn TLS on with a certificate of our own making, kept in DIR, to develop with.",
    ),
]
Users = Annotated[
    Path | None,
    typer.Option(
        "--users",
        metavar="FILE",
        help="Users and their roles; required unless only this machine is listened to.",
    ),
]
Materialise = Annotated[
    bool,
    typer.Option(
        "--materialise",
        help="Write the links of $ce-…, $et-… and the other system projections into the log.",
    ),
]


def serve(  # noqa: PLR0913 - one parameter for each option
    store_url: StoreUrl = "sqlite:///events.db",
    *,
    host: Host = "127.0.0.1",
    port: Port = 2113,
    advertise: Advertised = None,
    tls_cert: Certificate = None,
    tls_key: Key = None,
    dev: Dev = None,
    users: Users = None,
    materialise: Materialise = False,
    log_format: LogLines = LogFormat.TEXT,
) -> None:
    """Serve a store to EventStoreDB clients, and its Stream Browser to browsers, on one port.

    Connect with esdb://localhost:2113?tls=false, browse at http://localhost:2113. Ends in order on
    Ctrl-C or SIGTERM, with exit code 0: clients are told to connect anew. Reached from other
    machines (--host 0.0.0.0) it needs TLS and users.
    """
    from backstory.cli.process import run
    from backstory.cli.serving import Serving
    from backstory.server.access.settings import Access
    from backstory.server.settings import ServerSettings
    from backstory.telemetry.logs import start_logging

    start_logging(log_format)
    settings = ServerSettings(host=host, port=port, advertised=advertise, materialise=materialise)
    access = Access(certificate=tls_cert, key=tls_key, dev=dev, users=users)
    raise typer.Exit(run(Serving(store_url, settings, access).until_stopped))

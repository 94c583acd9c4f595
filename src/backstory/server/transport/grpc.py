"""gRPC connections, and how they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

import h2.config
from grpclib import const
from grpclib.config import Configuration
from grpclib.encoding.proto import ProtoCodec
from grpclib.events import _DispatchServerEvents
from grpclib.exceptions import StreamTerminatedError
from grpclib.protocol import H2Protocol
from grpclib.server import Handler, Stream
from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from h2.settings import SettingCodes

from backstory.core.errors import BackstoryError
from backstory.server.calls import AnyCall, Call, Kind, Method
from backstory.server.failures import Failure, access_denied, unavailable, unhandled
from backstory.server.translation import translated

_log: Final = logging.getLogger("backstory.server")

_MOST_CALLS: Final = 2_000
"""Most calls at once over one connection, subscriptions included."""

_WINDOW: Final = 4 * 1024 * 1024
"""Bytes that a client may send ahead of us, for each call and for each connection."""

Admit = Callable[[Mapping[str, str], str], Coroutine[Any, Any, str | None]]
"""Takes the metadata of a call and its path; gives the name of the caller, or raises `Failure`."""


async def admit_all(_metadata: Mapping[str, str], _path: str) -> str | None:
    """Let everybody in, unnamed."""


class GrpcConnections:
    """Makes the protocol of each gRPC connection, and ends them all together."""

    def __init__(self, methods: Iterable[Method], *, admit: Admit = admit_all) -> None:
        """Answer *methods*; *admit* is asked before each call."""
        self._admit = admit
        self._calls: dict[AnyCall, tuple[asyncio.Task[object], Kind]] = {}
        self._open: set[_Connection] = set()
        self._mapping = {
            method.path: const.Handler(
                self._handler(method), method.kind.value, method.request, method.reply
            )
            for method in methods
        }
        self._h2_config = h2.config.H2Configuration(
            client_side=False,
            header_encoding="utf-8",
            validate_inbound_headers=True,
            validate_outbound_headers=False,
            normalize_inbound_headers=False,
            normalize_outbound_headers=False,
        )
        self._config = Configuration(
            http2_connection_window_size=_WINDOW, http2_stream_window_size=_WINDOW
        ).__for_server__()

    @property
    def calls(self) -> int:
        """Return how many calls are under way."""
        return len(self._calls)

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._open)

    def protocol(self) -> H2Protocol:
        """Return the protocol of a new connection."""
        handler = Handler(self._mapping, ProtoCodec(), None, _DispatchServerEvents())
        return _Connection(handler, self._config, self._h2_config, self._open)

    async def close(self, grace: float) -> None:
        """End what waits for long at once, the rest within *grace* seconds; then the connections.

        Calls end with UNAVAILABLE, which is what makes clients connect anew.
        """
        for call, (task, kind) in list(self._calls.items()):
            if kind in {Kind.SERVER_STREAM, Kind.DUPLEX}:
                call.ending = True
                task.cancel()
        tasks = [task for task, _ in self._calls.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for connection in list(self._open):
            connection.go_away()

    def _handler(self, method: Method) -> Callable[[Stream[Any, Any]], Coroutine[Any, Any, None]]:
        async def handle(stream: Stream[Any, Any]) -> None:
            call: AnyCall = Call(stream, method.request)
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a coroutine always runs in one
            self._calls[call] = (task, method.kind)
            try:
                await self._answer(method, call)
            except Failure as failure:
                await _fail(stream, failure)
            except asyncio.CancelledError:
                if not call.ending:
                    raise
                task.uncancel()
                await _fail(stream, unavailable())
            finally:
                del self._calls[call]

        return handle

    async def _answer(self, method: Method, call: AnyCall) -> None:
        try:
            call.user = await self._admit(call.metadata, method.path)
            await method.handle(call)
        except (Failure, StreamTerminatedError, H2Error):
            raise
        except TimeoutError as error:
            raise Failure(const.Status.DEADLINE_EXCEEDED, "Deadline Exceeded") from error
        except BackstoryError as error:
            raise translated(error) from error
        except PermissionError as error:
            raise access_denied() from error
        except Exception as error:
            _log.exception("a call of %s failed", method.path)
            raise unhandled() from error


async def _fail(stream: Stream[Any, Any], failure: Failure) -> None:
    await stream.send_trailing_metadata(
        status=failure.status,
        status_message=failure.message,
        metadata={
            key: shown for key, value in failure.trailers.items() if (shown := _printable(value))
        },
    )


def _printable(value: str) -> str:
    """Return *value* as it may stand in a header: visible ASCII, all else escaped.

    An empty one cannot stand there.
    """
    shown = value.encode("unicode_escape").decode() if not value.isprintable() else value
    return shown.encode("ascii", "backslashreplace").decode().strip()


class _Connection(H2Protocol):
    """A connection that outlives what it does not understand, and says good-bye."""

    def __init__(
        self,
        handler: Handler,
        config: Configuration,
        h2_config: h2.config.H2Configuration,
        register: set[_Connection],
    ) -> None:
        super().__init__(handler, config, h2_config)
        self._register = register

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._register.add(self)
        self.connection._connection.update_settings(  # noqa: SLF001 - grpclib has no setting for it
            {SettingCodes.MAX_CONCURRENT_STREAMS: _MOST_CALLS}
        )
        self.connection.flush()

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except Exception:  # noqa: BLE001 - whatever hostile bytes lead to ends this connection alone
            _log.debug("a connection sent what is no HTTP/2", exc_info=True)
            self.processor.close("Protocol error")

    def connection_lost(self, exc: BaseException | None) -> None:
        self._register.discard(self)
        super().connection_lost(exc)

    def go_away(self) -> None:
        """Tell the client that this connection ends, and close it."""
        connection = self.connection
        if connection.is_closing():
            return
        connection._connection.close_connection(ErrorCodes.NO_ERROR)  # noqa: SLF001 - (as above)
        connection.flush()
        self.processor.close("Server closed")

"""A pooler in transaction mode: each transaction goes to another connection to the server.

It is as strict as PgBouncer without support for prepared statements: a client that leaves anything
behind in a session, or expects to find it there, is found out by the next transaction.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

_SSL_WANTED: Final = 80_877_103
_PASSED_ON: Final = {"user", "database", "application_name", "client_encoding"}
"""What a client may say when it connects; PgBouncer refuses every other setting."""

_IDLE: Final = b"I"
_MADE_UP: Final = struct.pack("!ii", 77, 88)
"""The process id and the key of a greeting; no server has them."""


class _Server:
    """A connection to the server, logged in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.parameters: list[bytes] = []

    @classmethod
    async def connect(cls, url: str) -> _Server:
        parts = urlsplit(url)
        at = {name: values[0] for name, values in parse_qs(parts.query).items()}
        server = cls(*await asyncio.open_unix_connection(f"{at['host']}/.s.PGSQL.{at['port']}"))
        names = ("user", parts.username or "", "database", parts.path[1:])
        words = b"".join(name.encode() + b"\0" for name in names) + b"\0"
        server.writer.write(struct.pack("!ii", len(words) + 8, 196_608) + words)
        while (message := await _message(server.reader))[:1] != b"Z":
            assert message[:1] != b"E", message
            if message[:1] == b"S":
                server.parameters.append(message)
        return server


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    (size,) = struct.unpack("!i", head[1:])
    return head + await reader.readexactly(size - 4)


class Pooler:
    """Shares a few connections to a server among any number of clients.

    Use it as an asynchronous context manager, in the event loop of the test.
    """

    def __init__(self, socket_url: str, *, servers: int = 3) -> None:
        """Stand before the database of *socket_url*, which asks for no password."""
        self._place = socket_url
        self._count = servers
        self._idle: deque[_Server] = deque()
        self._freed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.transactions = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        """Listen; `url` is where."""
        self._idle.extend([await _Server.connect(self._place) for _ in range(self._count)])
        self._listening = await asyncio.start_server(self._greet, "127.0.0.1", 0)
        port = self._listening.sockets[0].getsockname()[1]
        parts = urlsplit(self._place)
        self.url = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more, and break every connection."""
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._idle:
            server.writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._take_in(reader, writer)
            async with _Messages(reader) as said:
                await self._serve(said, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            writer.close()

    async def _take_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size, code = struct.unpack("!ii", await reader.readexactly(8))
        if code == _SSL_WANTED:
            writer.write(b"N")
            size, code = struct.unpack("!ii", await reader.readexactly(8))
        words = (await reader.readexactly(size - 8)).decode().split("\0")
        refused = set(words[:-2:2]) - _PASSED_ON
        assert not refused, f"unsupported startup parameters: {refused}"
        writer.write(b"R" + struct.pack("!ii", 8, 0) + b"".join(self._idle[0].parameters))
        writer.write(b"K" + struct.pack("!i", 12) + _MADE_UP + b"Z" + struct.pack("!i", 5) + _IDLE)

    async def _serve(self, said: _Messages, writer: asyncio.StreamWriter) -> None:
        while True:
            first = await said.next()
            if first[:1] == b"X":
                return
            async with self._freed:
                await self._freed.wait_for(lambda: self._idle)
                server = self._idle.popleft()
            self.transactions += 1
            try:
                server.writer.write(first)
                last = await _pass_on(said, server, writer)
            except BaseException:
                server.writer.close()  # in the middle of a transaction, which must not go on
                server = await _Server.connect(self._place)
                raise
            finally:
                async with self._freed:
                    self._idle.append(server)
                    self._freed.notify()
            writer.write(last)


class _Messages:
    """Reads one message ahead, so that waiting for one can be given up without losing it."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.ahead = asyncio.create_task(_message(reader))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ahead.cancel()
        await asyncio.gather(self.ahead, return_exceptions=True)

    async def next(self) -> bytes:
        message = await self.ahead
        self.ahead = asyncio.create_task(_message(self._reader))
        return message


async def _pass_on(said: _Messages, server: _Server, writer: asyncio.StreamWriter) -> bytes:
    """Pass messages both ways while *server* is in a transaction; return its last one."""
    async with _Messages(server.reader) as answers:
        while True:
            await asyncio.wait([said.ahead, answers.ahead], return_when="FIRST_COMPLETED")
            if answers.ahead.done():
                message = answers.ahead.result()
                if message[:1] == b"Z" and message[5:] == _IDLE:
                    return message
                await answers.next()
                writer.write(message)
            else:
                server.writer.write(await said.next())

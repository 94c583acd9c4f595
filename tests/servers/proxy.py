"""A network that fails on demand, between a client and a server on this machine."""

from __future__ import annotations

import asyncio
from typing import Final, Self
from urllib.parse import urlsplit

READY: Final = b"Z\x00\x00\x00\x05I"
"""What a PostgreSQL server says when it waits for the next statement."""


class Proxy:
    """Passes bytes on to the server of a URL, until it is told to fail.

    Use it as an asynchronous context manager, in the event loop of the test.
    """

    def __init__(self, url: str) -> None:
        """Stand before the server of *url*, which is reached over TCP."""
        self._parts = urlsplit(url)
        self._word: bytes | None = None
        self._farewells: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.lost: int = 0
        self.url: str = ""

    async def __aenter__(self) -> Self:
        """Listen; `url` is where."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = self._parts.netloc.rpartition("@")[0]
        self.url = self._parts._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more, and break every connection."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def lose_the_answer_to(self, word: bytes) -> None:
        """Break the connection once the server has answered the next message with *word* in it."""
        self._word = word

    def follow_greetings_with(self, *messages: bytes) -> None:
        """Let each of *messages* come right behind the server's first readiness, once each."""
        self._farewells += messages

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        answers = asyncio.create_task(self._pass_answers(there[0], writer))
        try:
            while data := await reader.read(65_536):
                lost = self._word is not None and self._word in data
                if lost:
                    self._word, self.lost = None, self.lost + 1
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
                there[1].write(data)
                if lost:
                    await there[0].read(1)  # the server is done
                    return
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            there[1].close()
            writer.close()

    async def _pass_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        greeted = False
        while data := await reader.read(65_536):
            if not greeted and data.endswith(READY):
                greeted = True
                if self._farewells:
                    data += self._farewells.pop(0)
            writer.write(data)
        writer.close()

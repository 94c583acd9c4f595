"""Databases on a PostgreSQL server, whoever runs the server: made for one test, then dropped."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from itertools import count
from typing import Final
from urllib.parse import urlsplit

import psycopg

_numbers: Final = count(1)


class Server(ABC):
    """A server on which tests make databases."""

    def __init__(self) -> None:
        """Begin with no database made."""
        self._made: list[str] = []

    @abstractmethod
    def url(self, database: str) -> str:
        """Return the URL of *database*, as a user of Backstory would write it."""

    @abstractmethod
    def maintenance_url(self, database: str | None = None) -> str:
        """Return the URL for the tests' own work on *database*, or on the server."""

    def execute(self, sql: str, database: str | None = None) -> list[tuple[object, ...]]:
        """Run one statement as an administrator, outside any transaction; return its rows."""
        with psycopg.connect(self.maintenance_url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def create(self, database: str | None = None) -> str:
        """Make an empty *database*, of a name of its own unless told, and return its URL."""
        url = self.create_lasting(database)
        self._made.append(name_of(url))
        return url

    def create_lasting(self, database: str | None = None) -> str:
        """Do what `create` does, for more than one test: `drop_all` leaves it."""
        name = database or f"test_{os.getpid()}_{next(_numbers)}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop_all(self) -> None:
        """Delete every database made since the last time, whoever is connected to it."""
        made, self._made = self._made, []
        for name in made:
            self.drop(name)

    def drop(self, database: str) -> None:
        """Delete *database*, whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def terminate(self, database: str) -> int:
        """Break every connection to *database*, as an administrator may; return how many."""
        broken = [
            self.execute(f"SELECT pg_terminate_backend({pid})")
            for name, pid in self.execute("SELECT datname, pid FROM pg_stat_activity")
            if name == database
        ]
        return len(broken)


class GivenServer(Server):
    """A server that somebody else runs; tests make databases on it, and leave it running."""

    def __init__(self, url: str) -> None:
        """Take the *url* of a database whose user may create databases."""
        super().__init__()
        self._url = url

    def url(self, database: str) -> str:
        """Return the URL of *database*."""
        return urlsplit(self._url)._replace(path=f"/{database}").geturl()

    def maintenance_url(self, database: str | None = None) -> str:
        """Return the URL of *database*, or the one given."""
        return self._url if database is None else self.url(database)


def name_of(url: str) -> str:
    """Return the name of the database at *url*."""
    return urlsplit(url).path.removeprefix("/")

"""The projection of `eventsourcing`: a view with a table of its own, one transaction per event.

The library's runner needs a subscription, which its SQLite module does not have; so a loop over the
notification log hands the events to the projection, as the runner would.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import InfrastructureFactory, Tracking, TrackingRecorder
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteTrackingRecorder
from eventsourcing.utils import Environment, get_topic
from psycopg.sql import SQL

from bench import place
from bench.contestants.eventsourcing_library import User, environment, open_application
from bench.job import Job
from bench.meter import Meter

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS user (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    full_name TEXT NOT NULL,
    created_at TEXT NOT NULL
)
"""
_ADD: Final = "INSERT INTO user (username, full_name, created_at) VALUES (?, ?, ?)"
_CREATE_IN_POSTGRES: Final = SQL(
    'CREATE TABLE IF NOT EXISTS "user" (id BIGSERIAL PRIMARY KEY, username TEXT NOT NULL UNIQUE, '
    "full_name TEXT NOT NULL, created_at TIMESTAMPTZ NOT NULL)"
).format()
_ADD_IN_POSTGRES: Final = 'INSERT INTO "user" (username, full_name, created_at) VALUES (%s, %s, %s)'
_PAGE: Final = 1_000


class View(TrackingRecorder):
    """What the projection writes to."""

    @abstractmethod
    def add(self, username: str, full_name: str, created_at: datetime, tracking: Tracking) -> None:
        """Insert a row and move the position."""


class ViewInSqlite(SQLiteTrackingRecorder, View):
    """The table `user`, kept in one transaction with the position."""

    def construct_create_table_statements(self) -> list[str]:
        """Add the table to those the library creates."""
        return [*super().construct_create_table_statements(), _CREATE]

    def add(self, username: str, full_name: str, created_at: datetime, tracking: Tracking) -> None:
        """Insert a row and move the position."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(_ADD, (username, full_name, created_at.isoformat()))


class ViewInPostgres(PostgresTrackingRecorder, View):
    """The same in PostgreSQL."""

    def create_table(self) -> None:
        """Add the table to those the library creates."""
        self.sql_create_statements.append(_CREATE_IN_POSTGRES)
        super().create_table()

    def add(self, username: str, full_name: str, created_at: datetime, tracking: Tracking) -> None:
        """Insert a row and move the position."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(_ADD_IN_POSTGRES, (username, full_name, created_at))


class UserProjection(Projection[View]):
    """Inserts a row for each user created."""

    name = "users"
    topics: tuple[str, ...] = (get_topic(User.Created),)

    @singledispatchmethod
    def process_event(self, domain_event: object, tracking: Tracking) -> None:
        """Do nothing for events of no interest."""

    @process_event.register
    def _created(self, domain_event: User.Created, tracking: Tracking) -> None:
        values = vars(domain_event)
        self.view.add(values["username"], values["full_name"], domain_event.timestamp, tracking)


def run(job: Job, meter: Meter) -> None:
    """Catch up with everything, from the position the view has recorded."""
    count = job.scale.projected_singly
    application = open_application(job.data)
    factory, view = _open_view(job)
    projection = UserProjection(view)
    position = view.max_tracking_id(application.name) or 0
    with meter.timed(count):
        while page := application.recorder.select_notifications(
            position + 1, _PAGE, topics=UserProjection.topics
        ):
            for notification in page:
                position = notification.id
                projection.process_event(
                    application.mapper.to_domain_event(notification),
                    Tracking(application.name, position),
                )
    assert view.max_tracking_id(application.name) == count
    factory.close()
    application.close()


def _open_view(job: Job) -> tuple[InfrastructureFactory[TrackingRecorder], View]:
    kinds: Sequence[type[TrackingRecorder]] = (ViewInSqlite, ViewInPostgres)
    settings = environment(job.folder)
    named = Environment(UserProjection.name, settings)
    factory = InfrastructureFactory[TrackingRecorder].construct(named)
    return factory, cast("View", factory.tracking_recorder(kinds[place.is_postgres()]))

-- Which tables hold the events? `data` and `metadata` are text when they are JSON, so SQLite's JSON
-- functions and any SQLite shell can read them. A stream's name stands in its events, because a table
-- of streams costs every new stream two more pages per commit.

-- A kind is an event type within a category: one small integer, and one index, for both questions.
CREATE TABLE kinds (
    id INTEGER PRIMARY KEY,
    category TEXT NOT NULL,
    type TEXT NOT NULL,
    UNIQUE (category, type)
) STRICT;

CREATE INDEX kinds_by_type ON kinds (type);

CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    kind INTEGER NOT NULL REFERENCES kinds (id),
    recorded_us INTEGER NOT NULL,
    id BLOB NOT NULL,
    data ANY NOT NULL,
    metadata ANY NOT NULL
) STRICT;

-- Every index ends with the position (SQLite's row id), so a page in order is one walk along it.
CREATE UNIQUE INDEX events_by_stream ON events (stream, revision);
CREATE INDEX events_by_kind ON events (kind);
CREATE INDEX events_by_id ON events (id);

-- The log in words, for people with a SQLite shell.
CREATE VIEW log AS
SELECT
    e.position,
    e.stream,
    e.revision,
    k.type,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.recorded_us / 1e6, 'unixepoch') AS recorded_at,
    e.data,
    e.metadata,
    lower(hex(e.id)) AS id
FROM events AS e
JOIN kinds AS k ON k.id = e.kind;

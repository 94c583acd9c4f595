-- Which tables hold the events? `data` and `metadata` are text when they are JSON, so SQLite's JSON
-- functions and any SQLite shell can read them. Types are few and named by integers; a stream's name
-- stands in its events, because a table of streams costs every new stream two more pages per commit.
CREATE TABLE types (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- A kind is an event type within a category: one small integer that answers both questions.
CREATE TABLE kinds (
    id INTEGER PRIMARY KEY,
    category TEXT NOT NULL,
    type INTEGER NOT NULL REFERENCES types (id),
    UNIQUE (category, type)
) STRICT;

CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    kind INTEGER NOT NULL REFERENCES kinds (id),
    type INTEGER NOT NULL REFERENCES types (id),
    recorded_us INTEGER NOT NULL,
    id BLOB NOT NULL,
    data ANY NOT NULL,
    metadata ANY NOT NULL
) STRICT;

-- Every index ends with the position (SQLite's row id), so a page in order is one walk along it.
CREATE UNIQUE INDEX events_by_stream ON events (stream, revision);
CREATE INDEX events_by_kind ON events (kind);
CREATE INDEX events_by_type ON events (type);
CREATE INDEX events_by_id ON events (id);

-- The log in words, for people with a SQLite shell.
CREATE VIEW log AS
SELECT
    e.position,
    e.stream,
    e.revision,
    t.name AS type,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.recorded_us / 1e6, 'unixepoch') AS recorded_at,
    e.data,
    e.metadata,
    lower(hex(e.id)) AS id
FROM events AS e
JOIN types AS t ON t.id = e.type;

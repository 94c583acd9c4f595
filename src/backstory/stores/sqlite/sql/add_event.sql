-- Record one event.
INSERT INTO events (position, stream, revision, kind, recorded_us, id, data, metadata)
VALUES (?, ?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT))

-- How many events are stored, and how many does each index know? A sample of everything is read from
-- the table itself; each order from the index that has it.
SELECT
    (SELECT count(*) FROM events TABLESAMPLE SYSTEM (100)) AS stored,
    (SELECT count(*) FROM (SELECT position FROM events ORDER BY position) AS e) AS events_pkey,
    (SELECT count(*) FROM (SELECT stream FROM events ORDER BY stream, revision) AS e)
        AS events_by_stream,
    (SELECT count(*) FROM (SELECT kind FROM events ORDER BY kind, position) AS e) AS events_by_kind,
    (SELECT count(*) FROM (SELECT id FROM events ORDER BY id) AS e) AS events_by_id

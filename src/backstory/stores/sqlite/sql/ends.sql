-- Where does the log end, when was that, and at which revision does each stream in this JSON list of
-- names end? One row, so that a whole group of appends asks once.
SELECT
    (SELECT max(position) FROM events),
    (SELECT recorded_us FROM events ORDER BY position DESC LIMIT 1),
    json_group_array((SELECT max(revision) FROM events WHERE stream = named.value))
FROM json_each(?) AS named

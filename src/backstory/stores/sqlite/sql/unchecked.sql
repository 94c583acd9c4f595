-- What of the events after this position can be wrong?
SELECT position, recorded_us, id, CAST(data AS BLOB), CAST(metadata AS BLOB) FROM events
WHERE position > ? ORDER BY position LIMIT ?

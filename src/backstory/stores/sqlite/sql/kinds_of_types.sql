-- Which kinds are of the event types in this JSON list of names?
SELECT id FROM kinds WHERE type IN (SELECT value FROM json_each(?)) LIMIT ?

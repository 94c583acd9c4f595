-- Which numbers have the event types in this JSON list of names?
SELECT id FROM types WHERE name IN (SELECT value FROM json_each(?))

-- Which kinds does this category hold of the event types in this JSON list of names?
SELECT id FROM kinds WHERE category = ? AND type IN (SELECT value FROM json_each(?)) LIMIT ?

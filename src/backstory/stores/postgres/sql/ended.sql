-- Which of these streams has a tombstone?
SELECT stream FROM events
WHERE stream = ANY($1::text[]) AND revision = 9223372036854775807 LIMIT 1

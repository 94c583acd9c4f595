-- Which number has the stream of this name?
SELECT id FROM streams WHERE name = ?

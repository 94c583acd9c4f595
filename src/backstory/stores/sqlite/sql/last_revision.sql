-- What is the last revision of this stream?
SELECT max(revision) FROM events WHERE stream = ?

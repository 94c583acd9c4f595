-- Where in the log is this revision of this stream?
SELECT position FROM events WHERE stream = ? AND revision = ?

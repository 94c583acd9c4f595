-- Which ids have the events of this stream from a revision on?
SELECT id FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?

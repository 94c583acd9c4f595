-- Which revision of this stream has this event id first?
SELECT min(revision) FROM events INDEXED BY events_by_id WHERE id = ? AND stream = ?

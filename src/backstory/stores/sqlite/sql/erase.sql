-- Erase the events of this stream before a revision, though never its last one.
DELETE FROM events
WHERE stream = ?1 AND revision < ?2 AND revision < (SELECT max(revision) FROM events WHERE stream = ?1)

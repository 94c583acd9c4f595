-- Which streams begin with this prefix, behind this name, and where do they begin
-- and end? One step along the index for each.
WITH RECURSIVE named (stream) AS (
    SELECT min(stream) FROM events WHERE stream > :start
    UNION ALL
    SELECT (SELECT min(e.stream) FROM events AS e WHERE e.stream > named.stream)
    FROM named
    WHERE substr(named.stream, 1, length(:prefix)) = :prefix
    LIMIT :count
)
SELECT n.stream, (SELECT min(revision) FROM events WHERE stream = n.stream), e.revision, e.position, e.recorded_us
FROM named AS n
JOIN events AS e
    ON e.stream = n.stream AND e.revision = (SELECT max(revision) FROM events WHERE stream = n.stream)
WHERE substr(n.stream, 1, length(:prefix)) = :prefix
ORDER BY n.stream

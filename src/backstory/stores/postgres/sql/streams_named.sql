-- Which streams begin with this prefix, behind this name, and where do they begin and end? One step
-- along the index for each.
WITH RECURSIVE named (stream) AS (
    (SELECT stream FROM events WHERE stream > $2 ORDER BY stream LIMIT 1)
    UNION ALL
    SELECT (SELECT e.stream FROM events AS e WHERE e.stream > n.stream ORDER BY e.stream LIMIT 1)
    FROM named AS n
    WHERE starts_with(n.stream, $1)
)
SELECT n.stream, f.revision AS first, l.revision, l.position, l.recorded_us
FROM (SELECT stream FROM named WHERE starts_with(stream, $1) LIMIT $3) AS n
CROSS JOIN LATERAL (
    SELECT revision FROM events WHERE stream = n.stream ORDER BY revision LIMIT 1
) AS f
CROSS JOIN LATERAL (
    SELECT revision, position, recorded_us FROM events
    WHERE stream = n.stream ORDER BY revision DESC LIMIT 1
) AS l
ORDER BY n.stream

-- Which streams do not count their revisions on by one, from the number of events that were erased, or
-- not in the order of the log? The tombstone, whose revision is the largest there is, is not counted.
SELECT g.stream, g.events, g.last
FROM (
    SELECT
        s.stream, count(*) AS events, max(s.revision) AS last, min(s.revision) AS first,
        count(*) FILTER (WHERE s.position < s.earlier) AS disordered
    FROM (
        SELECT
            stream, revision, position,
            lag(position) OVER (PARTITION BY stream ORDER BY revision) AS earlier
        FROM events
        WHERE revision < 9223372036854775807
    ) AS s
    GROUP BY s.stream
) AS g
LEFT JOIN erased AS r ON r.stream = g.stream
WHERE g.last <> g.first + g.events - 1 OR g.first <> coalesce(r.events, 0) OR g.disordered > 0
LIMIT 100

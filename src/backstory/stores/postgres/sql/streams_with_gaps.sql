-- Which streams do not count their revisions 0, 1, 2 …, or not in the order of the log?
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
    ) AS s
    GROUP BY s.stream
) AS g
WHERE g.last <> g.events - 1 OR g.first <> 0 OR g.disordered > 0
LIMIT 100

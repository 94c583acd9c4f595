-- Which streams do not count their revisions 0, 1, 2 …, or not in the order of the log?
SELECT g.stream, g.events, g.last
FROM (
    SELECT
        stream, count(*) AS events, max(revision) AS last, min(revision) AS first,
        sum(position < earlier) AS disordered
    FROM (
        SELECT
            stream, revision, position,
            lag(position) OVER (PARTITION BY stream ORDER BY revision) AS earlier
        FROM events
    )
    GROUP BY stream
) AS g
WHERE g.last <> g.events - 1 OR g.first <> 0 OR g.disordered > 0
LIMIT 100

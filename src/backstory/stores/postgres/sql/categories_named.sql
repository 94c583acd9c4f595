-- Which categories begin with this prefix, behind this name, and where in the log do they begin
-- and end?
WITH RECURSIVE named (name) AS (
    (SELECT category FROM kinds WHERE category > $2 ORDER BY category LIMIT 1)
    UNION ALL
    SELECT (SELECT k.category FROM kinds AS k WHERE k.category > n.name ORDER BY k.category LIMIT 1)
    FROM named AS n
    WHERE starts_with(n.name, $1)
)
SELECT
    n.name,
    (
        SELECT min(e.position) FROM kinds AS k
        CROSS JOIN LATERAL (
            SELECT position FROM events WHERE kind = k.id ORDER BY position LIMIT 1
        ) AS e
        WHERE k.category = n.name
    ) AS first,
    (
        SELECT max(e.position) FROM kinds AS k
        CROSS JOIN LATERAL (
            SELECT position FROM events WHERE kind = k.id ORDER BY position DESC LIMIT 1
        ) AS e
        WHERE k.category = n.name
    ) AS last
FROM (SELECT name FROM named WHERE starts_with(name, $1) LIMIT $3) AS n
ORDER BY n.name

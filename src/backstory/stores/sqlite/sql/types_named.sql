-- Which event types begin with this prefix, behind this name, and where in the log do they begin and end?
WITH RECURSIVE named (name) AS (
    SELECT min(type) FROM kinds WHERE type > :start
    UNION ALL
    SELECT (SELECT min(k.type) FROM kinds AS k WHERE k.type > named.name)
    FROM named
    WHERE substr(named.name, 1, length(:prefix)) = :prefix
    LIMIT :count
)
SELECT
    n.name,
    (SELECT min((SELECT min(position) FROM events WHERE kind = k.id)) FROM kinds AS k WHERE k.type = n.name),
    (SELECT max((SELECT max(position) FROM events WHERE kind = k.id)) FROM kinds AS k WHERE k.type = n.name)
FROM named AS n
WHERE substr(n.name, 1, length(:prefix)) = :prefix
ORDER BY n.name

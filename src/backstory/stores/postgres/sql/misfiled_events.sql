-- Which events are filed under a category that is not theirs, or under a size?
SELECT e.position
FROM events AS e
LEFT JOIN kinds AS k ON k.id = e.kind
WHERE k.category IS DISTINCT FROM split_part(e.stream, '-', 1)
    OR e.size <> octet_length(e.data::text) + octet_length(e.metadata::text)
LIMIT 100

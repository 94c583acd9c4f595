-- What do the events at these positions hold, in their order, as far as $2 bytes reach?
SELECT json_send(e.data), json_send(e.metadata)
FROM (
    SELECT l.place, e.data, e.metadata, e.size, sum(e.size) OVER (ORDER BY l.place) AS total
    FROM unnest($1::bigint[]) WITH ORDINALITY AS l (position, place)
    JOIN events AS e ON e.position = l.position
) AS e
WHERE e.total - e.size < $2
ORDER BY e.place

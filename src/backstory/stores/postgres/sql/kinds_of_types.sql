-- Which kinds are of these event types, and up to which position are these all?
SELECT
    (SELECT coalesce(max(position), 0) FROM events) AS head,
    ARRAY(SELECT id FROM kinds WHERE type = ANY($1::text[]) LIMIT $2) AS numbers

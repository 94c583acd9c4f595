-- Which kinds does this category hold of these event types, and up to which position are these all?
SELECT
    (SELECT coalesce(max(position), 0) FROM events) AS head,
    ARRAY(
        SELECT id FROM kinds WHERE category = $1 AND type = ANY($2::text[]) LIMIT $3
    ) AS numbers

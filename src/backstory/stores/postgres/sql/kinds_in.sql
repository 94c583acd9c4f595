-- Which kinds does this category hold, and up to which position are these all?
SELECT
    (SELECT coalesce(max(position), 0) FROM events) AS head,
    ARRAY(SELECT id FROM kinds WHERE category = $1 LIMIT $2) AS numbers

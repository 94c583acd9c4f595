-- Which types are these kinds of?
SELECT id, type FROM kinds WHERE id = ANY($1::integer[])

-- Which of these tables are in this schema (NULL: there is no such schema)?
SELECT array_agg(c.relname::text) FILTER (WHERE c.relname = ANY($2::text[])) AS found, count(n.oid) > 0 AS there
FROM pg_namespace AS n
LEFT JOIN pg_class AS c ON c.relnamespace = n.oid
WHERE n.nspname = $1

-- How many events were erased?
SELECT coalesce(sum(events), 0)::bigint AS events FROM erased

-- How many events were erased?
SELECT coalesce(sum(events), 0) FROM erased

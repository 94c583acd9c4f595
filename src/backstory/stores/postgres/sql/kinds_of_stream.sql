-- Which kinds are of these event types, within the category of a stream?
SELECT k.id FROM kinds AS k WHERE k.category = $7 AND k.type = ANY($8::text[])

-- Which kinds does this category hold?
SELECT id FROM kinds WHERE category = ? LIMIT ?

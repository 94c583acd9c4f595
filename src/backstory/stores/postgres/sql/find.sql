-- Where is this id? In a query of its own: asked for in the order of positions, it would be looked
-- for along them, through the whole log.
SELECT f.position FROM events AS f WHERE f.id = $2

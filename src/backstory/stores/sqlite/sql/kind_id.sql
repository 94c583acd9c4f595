-- Which number has this type within this category? Adds it when it is new.
INSERT INTO kinds (category, type) VALUES (?, ?)
ON CONFLICT (category, type) DO UPDATE SET type = type RETURNING id

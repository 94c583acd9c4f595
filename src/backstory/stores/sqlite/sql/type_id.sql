-- Which number has the event type of this name? Adds it when it is new.
INSERT INTO types (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id

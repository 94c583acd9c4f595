-- Give a new stream its number.
INSERT INTO streams (name) VALUES (?) RETURNING id

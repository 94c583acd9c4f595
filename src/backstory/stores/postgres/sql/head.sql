-- What is the newest position?
SELECT max(position) FROM events

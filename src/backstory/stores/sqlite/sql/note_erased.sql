-- Note how many more events of this stream were erased.
INSERT INTO erased (stream, events) VALUES (?, ?)
ON CONFLICT (stream) DO UPDATE SET events = events + excluded.events

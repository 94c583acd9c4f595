"""Blaming: the event, and the line of the handler, that made a value what it is."""

"""W10: the server, beside one that does no work."""

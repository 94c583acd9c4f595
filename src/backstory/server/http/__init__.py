"""What the port answers to HTTP/1.1 besides the pages: whether it is alive, what it is, metrics."""

"""One port for gRPC and for browsers."""

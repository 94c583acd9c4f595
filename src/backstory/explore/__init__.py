"""Asking a store: functions that only read, over the `EventStore` protocol, for every surface."""

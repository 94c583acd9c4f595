"""Stepping: one event after the other, forwards and back, with everything it changed."""

"""Fences: what keeps today's clock, chance and network away from a replay, and tells of leaks."""

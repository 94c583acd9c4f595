"""The streams of links that system projections write, made from the log as they are read."""

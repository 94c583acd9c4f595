"""Diffing: what is another now, in a state by path and in read models by row."""

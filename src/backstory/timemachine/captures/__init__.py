"""Captures: one file that holds all that a failure needs to happen again somewhere else."""

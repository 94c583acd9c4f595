"""Deciding: what a command means for one stream. It knows stores by their protocol alone."""

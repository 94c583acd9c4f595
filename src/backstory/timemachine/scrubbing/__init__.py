"""Scrubbing: personal data out of events, so that equal stays equal and forms stay forms."""

"""Incidents: failures, recorded where they happened, with all that it takes to repeat them."""

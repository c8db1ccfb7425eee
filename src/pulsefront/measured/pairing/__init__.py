"""Coincidences: which hits of two sides belong to one decay, by their times."""

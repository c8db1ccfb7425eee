"""Simulated scans of moving patients, with their truth."""

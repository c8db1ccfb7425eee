"""Readers of what digitizers and data acquisition systems write."""

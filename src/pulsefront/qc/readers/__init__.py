"""Readers of quality-control logs: one file a format, rows in, records or reasons out."""

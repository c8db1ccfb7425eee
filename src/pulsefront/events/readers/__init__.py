"""Readers of measured files; each gives an `EventFile`, opened by what is in the file."""

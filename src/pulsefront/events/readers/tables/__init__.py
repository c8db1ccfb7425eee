"""Readers of tables of numbers, with a mapping file that says which array is what."""

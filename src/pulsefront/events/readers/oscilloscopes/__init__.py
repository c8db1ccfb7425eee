"""Readers of traces that oscilloscopes save."""

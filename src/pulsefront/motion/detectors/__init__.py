"""Detectors of motion in a trace."""

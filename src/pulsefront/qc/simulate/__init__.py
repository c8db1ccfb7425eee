"""Simulated fleets of scanners: what their daily QC would have written, and the truth."""

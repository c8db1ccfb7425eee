"""Failure models: trained, chosen, calibrated, kept as one file."""

"""Timing pickoff of two detectors in coincidence."""

"""Pairs of two detectors written as PETSIRD list mode."""

"""Calibration of a point-source measurement, and its use on other files of the same detector."""

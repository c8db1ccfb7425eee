"""Whole folders for the firmware engineer: time-shared and unrolled."""

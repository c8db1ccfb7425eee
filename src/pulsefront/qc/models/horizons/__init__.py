"""Probabilities by days ahead: the curve, its fit, and what to expect of it."""

"""Quantities of single pulses: baseline, amplitude, charge, crossings, filters, templates."""

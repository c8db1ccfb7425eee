"""Constants of nature and of arithmetic that more than one part of the simulation needs."""

from __future__ import annotations

import math

__all__ = ["ELECTRON_MASS_KEV", "FWHM_PER_SIGMA", "LIGHT_MM_PER_NS"]

ELECTRON_MASS_KEV = 510.99895
"""CODATA 2018."""
LIGHT_MM_PER_NS = 299.792458
FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))

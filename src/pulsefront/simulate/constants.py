"""Constants of nature and of arithmetic that more than one part of the simulation needs."""

from __future__ import annotations

import math

from pulsefront.events.light import LIGHT_MM_PER_NS

__all__ = ["ELECTRON_MASS_KEV", "FWHM_PER_SIGMA", "LIGHT_MM_PER_NS"]

ELECTRON_MASS_KEV = 510.99895
"""CODATA 2018."""
FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))

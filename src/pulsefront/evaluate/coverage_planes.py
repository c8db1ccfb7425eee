"""A coverage case of a 2-D width with a sharp peak, as positions have whose gamma rays scatter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from pulsefront.evaluate.coverage import NARROW, REPLICATES, CoverageCase
from pulsefront.evaluate.intervals import Interval, bootstrap, point_spread_statistic

__all__ = ["PLANE_CASES", "SHARP_FWHM", "sharp_plane"]

Random = np.random.Generator
Float = NDArray[np.float64]

SHARES, SCALES = np.array([0.45, 0.33, 0.22]), np.array([0.25, 0.7, 3.0])
"""Of three normals in x and y, one upon the other."""
CENTRAL_SHARE = 0.7609681
"""Of events in the central width: that of a normal in its FWHM."""
POSITIONS, EACH = 50, 80


def sharp_plane(random: Random, events: int) -> Float:
    """Draw residuals (event, 2) of the sum of normals."""
    scale = random.choice(SCALES, events, p=SHARES)
    return np.asarray(scale[:, None] * random.normal(size=(events, 2)), np.float64)


def _held(half: float) -> Float:
    """Return the share of each normal within *half* of the middle."""
    return np.asarray(special.erf(half / SCALES / np.sqrt(2.0)), np.float64)


def _sharp_fwhm() -> float:
    """Return the FWHM of the profile of events within one central width across it."""
    central = 2 * optimize.brentq(lambda half: SHARES @ _held(half) - CENTRAL_SHARE, 0.01, 20.0)
    weight = SHARES * _held(central) / SCALES
    half = optimize.brentq(
        lambda x: weight @ np.exp(-0.5 * (x / SCALES) ** 2) - 0.5 * weight.sum(), 0.0, 20.0
    )
    return 2.0 * float(half)


SHARP_FWHM = _sharp_fwhm()


def _interval(random: Random) -> Interval:
    events = POSITIONS * EACH
    return bootstrap(
        point_spread_statistic(sharp_plane(random, events)),
        events,
        groups=np.repeat(np.arange(POSITIONS), EACH),
        replicates=REPLICATES,
        seed=int(random.integers(2**31)),
        method="expanded",
    )


PLANE_CASES: Sequence[CoverageCase] = (
    CoverageCase("2-D FWHM, sharp peak, 50 positions", SHARP_FWHM, _interval, falls_short=NARROW),
)

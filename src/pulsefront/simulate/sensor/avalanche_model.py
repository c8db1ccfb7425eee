"""A photosensor as the kernels read it that follow single avalanches."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pulsefront.detector import Detector, Photosensor, SiPM
from pulsefront.simulate.records import typed
from pulsefront.simulate.sensor.charges import crosstalk_mean

__all__ = ["GAINS", "AvalancheModel", "avalanche_model", "gain_table"]

GAINS = 4096
"""Entries of a table of gains; a power of two."""
Table = NDArray[np.float64]


class AvalancheModel(NamedTuple):
    """A photosensor as the kernels read it; times in ns.

    Attributes
    ----------
    cells, side
        Number of microcells and of those in a row; 0 cells of a tube.
    crosstalk, delayed, delayed_ns, afterpulse, afterpulse_ns
        Mean numbers of secondaries of an avalanche by kind, and the time constants of the late.
    recovery_ns
        Of a cell.
    jitter_ns
        Standard deviation of the time of one photon.
    dark_per_ns
        Rate of dark counts.
    gains
        Of `gain_table`.
    """

    cells: int
    side: int
    crosstalk: float
    delayed: float
    delayed_ns: float
    afterpulse: float
    afterpulse_ns: float
    recovery_ns: float
    jitter_ns: float
    dark_per_ns: float
    gains: Table


def avalanche_model(detector: Detector) -> AvalancheModel:
    """Return what the photosensors of *detector* make of single photons."""
    sensor = detector.photosensor
    dark_per_ns, gains = sensor.dark_count_rate_hz * 1e-9, gain_table(sensor)
    if not isinstance(sensor, SiPM):
        jitter_ns = sensor.transit_time_spread_sigma_ps / 1000.0
        none = AvalancheModel(0, 0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, jitter_ns, dark_per_ns, gains)
        return typed(none)
    return typed(
        AvalancheModel(
            cells=sensor.cells,
            side=max(1, round(math.sqrt(sensor.cells))),
            crosstalk=crosstalk_mean(sensor.crosstalk),
            delayed=sensor.delayed_crosstalk,
            delayed_ns=sensor.delayed_crosstalk_ns,
            afterpulse=sensor.afterpulse,
            afterpulse_ns=sensor.afterpulse_ns,
            recovery_ns=sensor.recovery_ns,
            jitter_ns=sensor.sptr_sigma_ps / 1000.0,
            dark_per_ns=dark_per_ns,
            gains=gains,
        )
    )


def gain_table(sensor: Photosensor) -> Table:
    """Return 4,096 equally likely charges of one avalanche, of mean 1 and the sensor's spread.

    Those of a microcell follow a normal distribution, those of a dynode chain a gamma
    distribution, which like them has no negative values (Prescott 1966, "A statistical model for
    photomultiplier single-electron statistics").
    """
    spread = sensor.gain_spread
    if spread == 0.0:
        return np.ones(GAINS)
    middle = (np.arange(GAINS) + 0.5) / GAINS
    if isinstance(sensor, SiPM):
        value = stats.norm.ppf(middle)
    else:
        value = stats.gamma.ppf(middle, spread**-2.0, scale=spread**2)
    table: Table = 1.0 + spread * (value - value.mean()) / value.std()
    return table if isinstance(sensor, SiPM) else np.maximum(table, 0.0)

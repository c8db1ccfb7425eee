"""From detected photons to the charge of a channel.

The kernels treat all photons of a channel in one gate together, which is what a charge readout
sees; `pulsefront.simulate.sensor.digitizer` follows single avalanches in time.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import PMT, ChargeReadout, Detector, SiPM
from pulsefront.simulate.run.random import normal, poisson

__all__ = [
    "channel_gain",
    "charge_of",
    "charge_row",
    "crosstalk_mean",
    "draw_avalanches",
    "draw_charge",
    "fired_cells",
]

_CELLS, _CROSSTALK, _DARK, _AFTERPULSE, _AFTERPULSE_SHARE, _SPREAD, _NOISE, _COUNTS = range(8)
_LOSS_BY_POISSON_BELOW = 10.0
Row = NDArray[np.float64]
State = NDArray[np.uint64]


def crosstalk_mean(probability: float) -> float:
    """Return the mean number of direct secondaries of an avalanche.

    A data sheet's crosstalk is the probability of at least one; for Poisson secondaries
    P = 1 − e^−λ.
    """
    return -math.log(1.0 - probability)


def channel_gain(detector: Detector, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (sensor,) the gain of each photosensor relative to the nominal one."""
    spread = detector.photosensor.gain_mismatch
    return np.maximum(0.1, rng.normal(1.0, spread, detector.sensors.count))


def charge_row(detector: Detector, readout: ChargeReadout) -> Row:
    """Return the numbers that `draw_charge` reads."""
    sensor = detector.photosensor
    dark = sensor.dark_count_rate_hz * readout.gate_ns * 1e-9
    row = np.zeros(8)
    row[_DARK] = dark
    row[_SPREAD] = sensor.gain_spread
    row[_NOISE] = readout.noise_adc
    row[_COUNTS] = readout.counts_per_photoelectron
    if isinstance(sensor, SiPM):
        row[_CELLS] = sensor.cells * (1.0 + _mean_decay(detector) / sensor.recovery_ns)
        row[_CROSSTALK] = crosstalk_mean(sensor.crosstalk) + sensor.delayed_crosstalk
        row[_AFTERPULSE] = sensor.afterpulse
        row[_AFTERPULSE_SHARE] = sensor.afterpulse_ns / (sensor.afterpulse_ns + sensor.recovery_ns)
    else:
        assert isinstance(sensor, PMT)
        row[_AFTERPULSE] = sensor.afterpulse
        row[_AFTERPULSE_SHARE] = 1.0
    return row


def _mean_decay(detector: Detector) -> float:
    """Return the mean decay time, ns.

    Two avalanches of one cell, with emission times from an exponential of τ, lie τ apart on
    average with an exponential distribution; the second lacks e^(−Δt/τ_r) of its charge, which
    is τ_r / (τ_r + τ) on average. To second order the cell is thus lost for that share only, as
    if there were 1 + τ/τ_r times as many cells; for a prompt flash the number is the cells'.
    """
    return float(sum(part.fraction * part.decay_ns for part in detector.material.decay))


@njit(nogil=True, cache=True)
def draw_avalanches(state: State, primaries: int, crosstalk: float) -> int:
    """Return primaries and all their descendants in a branching Poisson process."""
    total = generation = primaries
    while generation > 0 and crosstalk > 0.0:
        generation = poisson(state, crosstalk * generation)
        total += generation
    return total


@njit(nogil=True, cache=True)
def fired_cells(state: State, avalanches: int, cells: float) -> float:
    """Return how many distinct cells *avalanches* falling at random on *cells* fire.

    Mean and variance are those of the occupancy problem (Feller, "An Introduction to Probability
    Theory", vol. 1, IV.2): exactly N(1 − (1 − 1/N)^n) on average. Few collisions are drawn as a
    Poisson number, many as a normal one.
    """
    if avalanches < 2 or cells <= 0.0:
        return float(avalanches)
    one = math.exp(avalanches * math.log1p(-1.0 / cells))
    mean = cells * (1.0 - one)
    loss = avalanches - mean
    if loss < _LOSS_BY_POISSON_BELOW:
        return float(max(1, avalanches - poisson(state, loss)))
    two = math.exp(avalanches * math.log1p(-2.0 / cells))
    variance = cells * (cells - 1.0) * two + cells * one - (cells * one) ** 2
    return float(min(cells, max(1.0, mean + math.sqrt(max(0.0, variance)) * normal(state))))


@njit(nogil=True, cache=True)
def draw_charge(state: State, mean_photoelectrons: float, gain: float, row: Row) -> float:
    """Return the charge of one photosensor in ADC counts, without electronic noise."""
    return charge_of(state, poisson(state, mean_photoelectrons + row[_DARK]), gain, row)


@njit(nogil=True, cache=True)
def charge_of(state: State, primaries: int, gain: float, row: Row) -> float:
    """Return the charge of *primaries* detected photons and dark counts, noise aside."""
    avalanches = draw_avalanches(state, primaries, row[_CROSSTALK])
    fired = fired_cells(state, avalanches, row[_CELLS])
    extra = 0.0
    if row[_AFTERPULSE] > 0.0:
        extra = row[_AFTERPULSE_SHARE] * poisson(state, row[_AFTERPULSE] * fired)
    scale = gain * row[_COUNTS]
    spread = row[_SPREAD] * scale
    return float(scale * (fired + extra) + math.sqrt(fired) * spread * normal(state))

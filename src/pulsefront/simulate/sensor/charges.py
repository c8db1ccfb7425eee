"""From detected photons to the charge of a channel.

The kernels treat all photons of a channel in one gate together, which is what a charge readout
sees; `pulsefront.simulate.sensor.digitizer` follows single avalanches in time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import ChargeReadout, Detector, SiPM
from pulsefront.simulate.records import typed
from pulsefront.simulate.run.random import normal, poisson

__all__ = [
    "ChargeModel",
    "channel_gain",
    "charge_model",
    "charge_of",
    "crosstalk_mean",
    "draw_avalanches",
    "draw_charge",
    "fired_cells",
]

_LOSS_BY_POISSON_BELOW = 10.0
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


class ChargeModel(NamedTuple):
    """A photosensor and its charge readout in one gate, as `charge_of` reads them.

    Attributes
    ----------
    cells
        Number of microcells, as if all light came at once; 0 of a tube.
    crosstalk
        Mean number of direct secondaries of an avalanche, prompt and delayed.
    dark
        Mean number of dark counts.
    afterpulse, afterpulse_share
        Mean number of afterpulses of a cell that fired, and the share of a full charge of each.
    gain_spread
        Relative standard deviation of the charge of one avalanche.
    counts_per_photoelectron
        ADC counts of a mean avalanche.
    """

    cells: float
    crosstalk: float
    dark: float
    afterpulse: float
    afterpulse_share: float
    gain_spread: float
    counts_per_photoelectron: float


def charge_model(detector: Detector, readout: ChargeReadout) -> ChargeModel:
    """Return what the photosensors of *detector* and *readout* make of light."""
    sensor = detector.photosensor
    cells = crosstalk = 0.0
    # What a tube gives after a pulse has the full charge of a photoelectron.
    afterpulse_share = 1.0
    if isinstance(sensor, SiPM):
        cells = sensor.cells * (1.0 + _mean_decay(detector) / sensor.recovery_ns)
        crosstalk = crosstalk_mean(sensor.crosstalk) + sensor.delayed_crosstalk
        afterpulse_share = sensor.afterpulse_ns / (sensor.afterpulse_ns + sensor.recovery_ns)
    return typed(
        ChargeModel(
            cells=cells,
            crosstalk=crosstalk,
            dark=sensor.dark_count_rate_hz * readout.gate_ns * 1e-9,
            afterpulse=sensor.afterpulse,
            afterpulse_share=afterpulse_share,
            gain_spread=sensor.gain_spread,
            counts_per_photoelectron=readout.counts_per_photoelectron,
        )
    )


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
def draw_charge(state: State, mean_photoelectrons: float, gain: float, model: ChargeModel) -> float:
    """Return the charge of one photosensor in ADC counts, without electronic noise."""
    return charge_of(state, poisson(state, mean_photoelectrons + model.dark), gain, model)


@njit(nogil=True, cache=True)
def charge_of(state: State, primaries: int, gain: float, model: ChargeModel) -> float:
    """Return the charge of *primaries* detected photons and dark counts, noise aside."""
    avalanches = draw_avalanches(state, primaries, model.crosstalk)
    fired = fired_cells(state, avalanches, model.cells)
    extra = 0.0
    if model.afterpulse > 0.0:
        extra = model.afterpulse_share * poisson(state, model.afterpulse * fired)
    scale = gain * model.counts_per_photoelectron
    spread = model.gain_spread * scale
    return float(scale * (fired + extra) + math.sqrt(fired) * spread * normal(state))

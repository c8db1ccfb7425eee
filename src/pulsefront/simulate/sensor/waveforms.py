"""Digitized waveforms of a photosensor, or of a sum of them, from times of detected photons."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.errors import ConfigError
from pulsefront.simulate.run.random import new_state
from pulsefront.simulate.sensor.avalanches import (
    AvalancheModel,
    add_avalanches,
    add_dark_counts,
    avalanche_model,
    scratch,
    total_charge,
)
from pulsefront.simulate.sensor.digitizer import (
    DigitizerModel,
    add_noise,
    digitizer_model,
    phase_steps,
    quantize,
    sum_pulses,
)

__all__ = ["simulate_waveforms"]

Table = NDArray[np.float64]


def simulate_waveforms(
    detector: Detector, photon_ns: Table, first: NDArray[np.int64], seed: int, *, start_ns: float
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Return what the digitizer records of given photons.

    Dark counts, crosstalk, afterpulses, recovery of the cells, gain spread, electronic noise and
    the ADC are added; the photons are taken as detected at their times (jitter included or not).

    Parameters
    ----------
    photon_ns
        (photon,) times of detection, the events one after the other.
    first
        (event + 1,) index of the first photon of each event, and the total at the end.
    start_ns
        Time of the first sample.

    Returns
    -------
    waveform_adc, charge
        (event, sample) uint16; (event,) charge of all avalanches in units of a mean one.

    Raises
    ------
    ConfigError
        The detector has no digitizer.
    """
    digitizer = detector.digitizer
    if digitizer is None:
        raise ConfigError("has no digitizer", field="digitizer", value=detector.name)
    waveform = np.zeros((len(first) - 1, digitizer.samples), np.uint16)
    charge = np.zeros(len(first) - 1)
    most = 4 * int(np.diff(first).max(initial=0)) + 10_000
    _waveforms(
        new_state(np.random.SeedSequence(seed)),
        np.ascontiguousarray(photon_ns, np.float64),
        np.ascontiguousarray(first, np.int64),
        start_ns,
        most,
        avalanche_model(detector),
        digitizer_model(digitizer),
        waveform,
        charge,
    )
    return waveform, charge


@njit(nogil=True, cache=True)
def _waveforms(
    state: NDArray[np.uint64],
    photon_ns: Table,
    first: NDArray[np.int64],
    start: float,
    most: int,
    model: AvalancheModel,
    digitizer: DigitizerModel,
    waveform: NDArray[np.uint16],
    charge: Table,
) -> None:
    samples = waveform.shape[1]
    interval = digitizer.interval_ns
    time_ns, amplitude = np.zeros(most), np.zeros(most)
    room = scratch(most, model.cells)
    analog = np.zeros(samples)
    steps = phase_steps(digitizer.pulse, interval)
    lead = start - digitizer.lead_ns
    stop = start + samples * interval
    for event in range(len(waveform)):
        count = first[event + 1] - first[event]
        time_ns[:count] = photon_ns[first[event] : first[event + 1]]
        count = add_dark_counts(state, model.dark_per_ns, lead, stop, time_ns, count)
        count = add_avalanches(state, model, time_ns, amplitude, count, room)
        charge[event] = total_charge(amplitude, count)
        sum_pulses(time_ns, amplitude, count, start, interval, digitizer.pulse, steps, analog)
        add_noise(state, digitizer, analog)
        quantize(analog, 0, digitizer, waveform[event])

"""Digitized waveforms of a photosensor, or of a sum of them, from times of detected photons.

The photons come from somewhere else: a simulation of one's own, of GATE or of Geant4, or the light
map's `draw_photons`. What is here adds all that follows.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

import pulsefront
from pulsefront.detector import Detector, detector_hash
from pulsefront.errors import DataError
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.progress import Report, silent
from pulsefront.simulate.run.plan import Plan
from pulsefront.simulate.run.random import new_state
from pulsefront.simulate.run.shards import child_seed, shard_sizes
from pulsefront.simulate.sensor.avalanche_model import AvalancheModel, avalanche_model
from pulsefront.simulate.sensor.avalanches import (
    add_avalanches,
    add_dark_counts,
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

__all__ = ["Recorded", "record_photons", "simulate_waveforms", "waveform_plan"]

_SHARD_EVENTS = 512
Table = NDArray[np.float64]


class Recorded(NamedTuple):
    """What a digitizer records of photons.

    Attributes
    ----------
    waveform_adc
        (event, sample).
    avalanches
        (event,) charge of all avalanches in units of a mean one.
    clipped
        (event,): whether the waveform left the ADC's range.
    """

    waveform_adc: NDArray[np.uint16]
    avalanches: Table
    clipped: NDArray[np.bool_]


def simulate_waveforms(
    detector: Detector,
    event: NDArray[np.integer],
    time_ns: Table,
    seed: int,
    *,
    start_ns: float | None = None,
    executor: Executor | None = None,
    report: Report = silent,
) -> EventTable:
    """Return what the digitizer records of given photons.

    Dark counts, crosstalk, afterpulses, recovery of the cells, gain spread, electronic noise and
    the ADC are added; the photons are taken as detected at their times, jitter and all. The result
    depends on the arguments alone, not on *executor* or its number of workers.

    Parameters
    ----------
    detector
        With a ``[digitizer]`` section; all photons fall on one of its photosensors.
    event, time_ns
        (photon,) number of the event and time of detection, in any order.
    start_ns
        Time of the first sample; where None, time 0 comes after ``pre_trigger_samples``.
    executor, report
        Where shards run, threads on all cores where None; told of events done.

    Returns
    -------
    EventTable
        ``waveform_adc`` (event, sample), ``event_number``, ``photons`` and ``avalanches``, in
        order of the numbers; see the data dictionary. An event with a clipped waveform has status
        `Status.SATURATED`.

    Raises
    ------
    ConfigError
        The detector has no digitizer.
    DataError
        A time is not finite, or there is no photon.
    """
    plan = waveform_plan(detector, event, time_ns, seed, start_ns=start_ns)
    return plan.run(executor=executor, report=report)


def waveform_plan(
    detector: Detector,
    event: NDArray[np.integer],
    time_ns: Table,
    seed: int,
    *,
    start_ns: float | None = None,
) -> Plan:
    """Return waveforms as shards; see `simulate_waveforms`."""
    digitizer = detector.waveform_digitizer
    number, photon_ns, first = _by_event(event, time_ns)
    if start_ns is None:
        start_ns = -digitizer.pre_trigger_samples * digitizer.sample_interval_ns
    sizes = shard_sizes(len(first) - 1, _SHARD_EVENTS)

    def arguments(shard: int) -> tuple[Any, ...]:
        begin = shard * _SHARD_EVENTS
        own = first[begin : begin + sizes[shard] + 1]
        photons = photon_ns[own[0] : own[-1]]
        return detector, photons, own - own[0], child_seed(seed, shard), start_ns

    provenance = {
        "made_by": f"pulsefront {pulsefront.__version__} simulate_waveforms",
        "detector": detector.name,
        "detector_sha256": detector_hash(detector),
        "photons_sha256": _hash(number, photon_ns, first),
        "seed": seed,
        "start_ns": start_ns,
        "sample_interval_ns": digitizer.sample_interval_ns,
        "pre_trigger_samples": digitizer.pre_trigger_samples,
        "baseline_adc": digitizer.baseline_adc,
        "adc_bits": digitizer.adc_bits,
    }
    table = partial(_table, number, np.diff(first), provenance)
    return Plan(sizes, record_photons, arguments, table, provenance)


def _by_event(
    event: NDArray[np.integer], time_ns: Table
) -> tuple[NDArray[np.int64], Table, NDArray[np.int64]]:
    """Return the events' numbers, their times in order, and where each event begins and ends."""
    if len(event) == 0:
        raise DataError("there is no photon", field="event")
    bad = ~np.isfinite(time_ns)
    if bad.any():
        raise DataError("is no time", field="time_ns", value=float(time_ns[bad][0]))
    number, photons = np.unique(event, return_counts=True)
    order = np.lexsort((time_ns, event))
    first = np.concatenate([[0], np.cumsum(photons)])
    return number.astype(np.int64), np.asarray(time_ns, np.float64)[order], first.astype(np.int64)


def _hash(*arrays: NDArray[Any]) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def _table(
    number: NDArray[np.int64],
    photons: NDArray[np.int64],
    provenance: dict[str, Any],
    shard: int,
    result: Recorded,
) -> EventTable:
    events = slice(shard * _SHARD_EVENTS, shard * _SHARD_EVENTS + len(result.avalanches))
    columns: dict[str, NDArray[Any]] = {
        "waveform_adc": result.waveform_adc,
        "event_number": number[events],
        "photons": photons[events].astype(np.uint32),
        "avalanches": result.avalanches.astype(np.float32),
    }
    status = np.where(result.clipped, Status.SATURATED, Status.OK).astype(np.uint16)
    return EventTable(columns, _QUANTITIES, status, provenance)


_QUANTITIES = {
    "waveform_adc": Quantity("ADC counts", "waveform of all photons of the event"),
    "event_number": Quantity("1", "number of the event that the photons came with"),
    "photons": Quantity("1", "truth: photons given"),
    "avalanches": Quantity("1", "truth: charge in units of a mean avalanche"),
}


def record_photons(
    detector: Detector,
    photon_ns: Table,
    first: NDArray[np.int64],
    seed: np.random.SeedSequence,
    start_ns: float,
) -> Recorded:
    """Record photons that are sorted by event already.

    Parameters
    ----------
    photon_ns
        (photon,) times of detection, the events one after the other.
    first
        (event + 1,) index of the first photon of each event, and the total at the end.
    start_ns
        Time of the first sample.

    Raises
    ------
    ConfigError
        The detector has no digitizer.
    """
    digitizer, events = detector.waveform_digitizer, len(first) - 1
    recorded = Recorded(
        np.zeros((events, digitizer.samples), np.uint16), np.zeros(events), np.zeros(events, bool)
    )
    _record(
        new_state(seed),
        np.ascontiguousarray(photon_ns, np.float64),
        np.ascontiguousarray(first, np.int64),
        float(start_ns),
        4 * int(np.diff(first).max(initial=0)) + 10_000,
        avalanche_model(detector),
        digitizer_model(digitizer),
        recorded,
    )
    return recorded


@njit(nogil=True, cache=True)
def _record(
    state: NDArray[np.uint64],
    photon_ns: Table,
    first: NDArray[np.int64],
    start: float,
    most: int,
    model: AvalancheModel,
    digitizer: DigitizerModel,
    recorded: Recorded,
) -> None:
    samples, interval = recorded.waveform_adc.shape[1], digitizer.interval_ns
    time_ns, amplitude = np.zeros(most), np.zeros(most)
    room = scratch(most, model.cells)
    analog = np.zeros(samples)
    steps = phase_steps(digitizer.pulse, interval)
    lead, stop = start - digitizer.lead_ns, start + samples * interval
    for event in range(len(first) - 1):
        count = first[event + 1] - first[event]
        time_ns[:count] = photon_ns[first[event] : first[event + 1]]
        count = add_dark_counts(state, model.dark_per_ns, lead, stop, time_ns, count)
        count = add_avalanches(state, model, time_ns, amplitude, count, room)
        recorded.avalanches[event] = total_charge(amplitude, count)
        sum_pulses(time_ns, amplitude, count, start, interval, digitizer.pulse, steps, analog)
        add_noise(state, digitizer, analog)
        recorded.clipped[event] = quantize(analog, 0, digitizer, recorded.waveform_adc[event])

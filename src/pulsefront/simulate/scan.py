"""Point-source scans: a pencil beam stepped over the entrance face of a detector.

Stage positions form a square grid of ``pitch_mm``. ``grid_index`` (ix, iy) counts them from the
corner at −x, −y. Positions whose indices are both even make one sub-lattice of twice the pitch,
those with both odd lie in the middle between four of them; the two other parities lie between two.
A study trains on one sub-lattice and tests on another, so that no test position is a training
position; each sub-lattice has its own number of events.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import Field

import pulsefront
from pulsefront.config import FrozenModel
from pulsefront.detector import ChargeReadout, Detector, detector_hash
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.progress import Report, silent
from pulsefront.simulate.gamma import MAX_DEPOSITS, gamma_table, trace_gamma
from pulsefront.simulate.light_map import (
    LightMap,
    LightMapSettings,
    interpolate_one,
    light_map_for,
)
from pulsefront.simulate.optics import optical_world
from pulsefront.simulate.photosensor import charge_row, crosstalk_mean, draw_charge
from pulsefront.simulate.random import new_state, normal
from pulsefront.simulate.scintillation import (
    FWHM_PER_SIGMA,
    draw_photons,
    gate_fraction,
    light_row,
    mean_detection_efficiency,
    relative_yield,
)
from pulsefront.simulate.shards import run_shards, spawn_seeds

__all__ = ["ScanSettings", "scan_positions", "simulate_scan"]

_SHARD_EVENTS = 4096
# Below this share of the trigger threshold in true energy no event can reach it in charge.
_HOPELESS = 0.6
_MAX_TRIES = 10_000
Table = NDArray[np.float64]


class ScanSettings(FrozenModel):
    """A pencil-beam scan.

    Attributes
    ----------
    pitch_mm, half_extent_mm
        The grid of stage positions reaches from −half_extent to +half_extent in x and y.
    events_even_even, events_odd_odd, events_mixed
        Events recorded per stage position, by the parity of its two indices.
    energy_kev
        Of the gamma rays.
    beam_fwhm_mm
        Gaussian width of the beam at the entrance face.
    stage_error_mm
        Standard deviation, per axis, of where the stage really stands; one error per position.
    trigger_kev
        Threshold on the sum of the charges, in keV of a deposit in the middle of the crystal.
    light_map
        How finely the light map is traced.
    """

    pitch_mm: Annotated[float, Field(gt=0)] = 1.0
    half_extent_mm: Annotated[float, Field(gt=0)] = 24.0
    events_even_even: Annotated[int, Field(ge=0)] = 200
    events_odd_odd: Annotated[int, Field(ge=0)] = 100
    events_mixed: Annotated[int, Field(ge=0)] = 0
    energy_kev: Annotated[float, Field(ge=20, le=2500)] = 511.0
    beam_fwhm_mm: Annotated[float, Field(ge=0)] = 0.5
    stage_error_mm: Annotated[float, Field(ge=0)] = 0.02
    trigger_kev: Annotated[float, Field(ge=0)] = 350.0
    light_map: LightMapSettings = LightMapSettings()


def scan_positions(
    scan: ScanSettings,
) -> tuple[NDArray[np.int16], NDArray[np.float64], NDArray[np.int64]]:
    """Return grid index (position, 2), position in mm (position, 2) and events (position,)."""
    steps = math.floor(2 * scan.half_extent_mm / scan.pitch_mm + 1e-9)
    axis = (np.arange(steps + 1) - steps / 2) * scan.pitch_mm
    index = np.stack(np.meshgrid(*[np.arange(steps + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)
    odd = (index % 2).sum(axis=1)
    events = np.array([scan.events_even_even, scan.events_mixed, scan.events_odd_odd])[odd]
    visited = events > 0
    return index[visited].astype(np.int16), axis[index[visited]], events[visited]


def simulate_scan(
    detector: Detector,
    scan: ScanSettings,
    seed: int,
    *,
    executor: Executor | None = None,
    report: Report = silent,
    light_map: LightMap | None = None,
    cache: str | Path | None = None,
) -> EventTable:
    """Simulate a pencil-beam scan with one charge per photosensor.

    The result depends on the arguments alone, not on *executor* or its number of workers.

    Parameters
    ----------
    detector
        With a ``[charge]`` section.
    executor
        Where the shards run; threads on all cores where None.
    report
        Told of events done.
    light_map, cache
        A light map that exists already, or the folder to keep it in. Without either it is traced
        anew.

    Returns
    -------
    EventTable
        ``charge_adc``, ``stage_position_mm``, ``grid_index`` and the truth; see the data
        dictionary. Events saturating the ADC have status `Status.SATURATED`.

    Raises
    ------
    ConfigError
        The scan leaves the detector, or the detector has no charge readout.
    """
    readout = _check(detector, scan)
    if light_map is None:
        light_map = light_map_for(detector, scan.light_map, cache=cache, executor=executor)
    index, position_mm, events = scan_positions(scan)
    seeds = spawn_seeds(seed, 2)
    stage_rng, gain_rng = (np.random.default_rng(s) for s in spawn_seeds(seeds[0], 2))
    standing_mm = position_mm + stage_rng.normal(0.0, scan.stage_error_mm, position_mm.shape)
    gain = _channel_gain(detector, gain_rng)
    which = np.repeat(np.arange(len(index)), events)
    starts = range(0, len(which), _SHARD_EVENTS)
    arrays = _arrays(detector, scan, readout, light_map)
    shards = [
        (standing_mm[which[start : start + _SHARD_EVENTS]], gain, arrays, shard_seed)
        for start, shard_seed in zip(starts, spawn_seeds(seeds[1], len(starts)), strict=True)
    ]
    weights = [len(shard[0]) for shard in shards]
    parts = run_shards(_scan_shard, shards, executor=executor, weights=weights, report=report)
    charge, truth, counts = (np.concatenate([part[i] for part in parts]) for i in range(3))
    status = np.where((charge == 2**readout.adc_bits - 1).any(axis=1), Status.SATURATED, Status.OK)
    columns = {
        "charge_adc": charge,
        "stage_position_mm": position_mm[which].astype(np.float32),
        "grid_index": index[which],
        "first_interaction_mm": truth[:, :3],
        "depth_mm": truth[:, 2].copy(),
        "energy_deposited_kev": truth[:, 3],
        "light_centroid_mm": truth[:, 4:7],
        "compton_scatters": counts[:, 0],
        "deposits": counts[:, 1],
    }
    return EventTable(
        columns,
        {name: _QUANTITIES[name] for name in columns},
        status.astype(np.uint16),
        _provenance(detector, scan, seed, gain),
    )


_QUANTITIES = {
    "charge_adc": Quantity("ADC counts", "charge per photosensor iy·nx + ix, pedestal subtracted"),
    "stage_position_mm": Quantity("mm", "nominal x, y of the beam on the entrance face"),
    "grid_index": Quantity("1", "index (ix, iy) of the stage position on the scan grid"),
    "first_interaction_mm": Quantity("mm", "truth: x, y, z of the first interaction"),
    "depth_mm": Quantity("mm", "truth: z of the first interaction from the entrance face"),
    "energy_deposited_kev": Quantity("keV", "truth: energy deposited in the crystal"),
    "light_centroid_mm": Quantity("mm", "truth: x, y, z of the deposits weighted by energy"),
    "compton_scatters": Quantity("1", "truth: Compton scatters in the crystal"),
    "deposits": Quantity("1", "truth: interactions in the crystal"),
}


def _check(detector: Detector, scan: ScanSettings) -> ChargeReadout:
    if detector.charge is None:
        raise ConfigError(
            "has no charge readout",
            field="charge",
            value=detector.name,
            remedy="add a [charge] section to the detector",
        )
    half = min(detector.crystal.size_mm[:2]) / 2
    if scan.half_extent_mm > half:
        raise ConfigError(
            f"the scan leaves the crystal, which ends at ±{half:g} mm",
            field="half_extent_mm",
            value=scan.half_extent_mm,
        )
    if scan.trigger_kev >= scan.energy_kev:
        raise ConfigError(
            f"no event of {scan.energy_kev:g} keV can trigger",
            field="trigger_kev",
            value=scan.trigger_kev,
        )
    if not scan.events_even_even + scan.events_odd_odd + scan.events_mixed:
        raise ConfigError("the scan has no events", field="events_even_even", value=0)
    return detector.charge


def _channel_gain(detector: Detector, rng: np.random.Generator) -> Table:
    spread = detector.photosensor.gain_mismatch
    return np.maximum(0.1, rng.normal(1.0, spread, detector.sensors.count))


def _arrays(
    detector: Detector, scan: ScanSettings, readout: ChargeReadout, light_map: LightMap
) -> tuple[Any, ...]:
    material = detector.material
    gammas = gamma_table(material.formula, material.density_g_cm3)
    efficiency = mean_detection_efficiency(material, detector.photosensor)
    light = light_row(material, efficiency * gate_fraction(material, readout.gate_ns))
    charge = charge_row(detector, readout)
    middle = light_map.probabilities(np.array([[0.0, 0.0, detector.thickness_mm / 2]])).sum()
    descendants = 1.0
    if detector.photosensor.kind == "sipm":
        descendants = 1.0 / (1.0 - crosstalk_mean(detector.photosensor.crosstalk))
    trigger_adc = (
        scan.trigger_kev
        * light[0, 0]
        * relative_yield(scan.energy_kev, light)
        * float(middle)
        * descendants
        * readout.counts_per_photoelectron
    )
    slab = optical_world(detector).slabs[0]
    beam = np.array([scan.beam_fwhm_mm / FWHM_PER_SIGMA, scan.energy_kev])
    limits = np.array([_HOPELESS * scan.trigger_kev, trigger_adc, 2.0**readout.adc_bits - 1])
    grid = (light_map.x_mm, light_map.y_mm, light_map.z_mm, light_map.probability)
    return (beam, limits, slab, gammas.energy_kev, gammas.per_mm, light, charge, *grid)


def _scan_shard(
    standing_mm: Table, gain: Table, arrays: tuple[Any, ...], seed: np.random.SeedSequence
) -> tuple[NDArray[np.uint16], NDArray[np.float32], NDArray[np.uint8]]:
    charge = np.zeros((len(standing_mm), len(gain)), np.uint16)
    truth = np.zeros((len(standing_mm), 7), np.float32)
    counts = np.zeros((len(standing_mm), 2), np.uint8)
    done = _scan_events(new_state(seed), standing_mm, gain, charge, truth, counts, *arrays)
    if not done:
        raise ConfigError(
            f"less than one gamma ray in {_MAX_TRIES:,} triggers",
            field="trigger_kev",
            remedy="lower trigger_kev, or scan inside the crystal",
        )
    return charge, truth, counts


@njit(nogil=True, cache=True)
def _scan_events(
    state: NDArray[np.uint64],
    standing_mm: Table,
    gain: Table,
    charge: NDArray[np.uint16],
    truth: NDArray[np.float32],
    counts: NDArray[np.uint8],
    beam: Table,
    limits: Table,
    slab: Table,
    energy_kev: Table,
    per_mm: Table,
    light: Table,
    charge_numbers: Table,
    x_mm: Table,
    y_mm: Table,
    z_mm: Table,
    probability: NDArray[np.float32],
) -> bool:
    """Fill one triggering event per row of *standing_mm*; return whether all were found."""
    sensors = charge.shape[1]
    deposits = np.zeros((MAX_DEPOSITS, 6))
    mean = np.zeros(sensors, np.float32)
    analog = np.zeros(sensors)
    for event in range(len(standing_mm)):
        found = False
        for _ in range(_MAX_TRIES):
            x = standing_mm[event, 0] + beam[0] * normal(state)
            y = standing_mm[event, 1] + beam[0] * normal(state)
            number, scatters, escaped = trace_gamma(
                state, x, y, -1.0, 0.0, 0.0, 1.0, beam[1], slab, energy_kev, per_mm, deposits
            )
            if number == 0 or beam[1] - escaped < limits[0]:
                continue
            mean[:] = 0.0
            for d in range(number):
                photons = draw_photons(state, deposits[d, 3], light)
                interpolate_one(
                    deposits[d, 0],
                    deposits[d, 1],
                    deposits[d, 2],
                    x_mm,
                    y_mm,
                    z_mm,
                    probability,
                    photons,
                    mean,
                )
            total = 0.0
            for sensor in range(sensors):
                analog[sensor] = draw_charge(state, mean[sensor], gain[sensor], charge_numbers)
                total += analog[sensor]
            if total >= limits[1]:
                found = True
                break
        if not found:
            return False
        for sensor in range(sensors):
            charge[event, sensor] = int(min(limits[2], max(0.0, analog[sensor] + 0.5)))
        truth[event, :3] = deposits[0, :3]
        deposited = 0.0
        for d in range(number):
            deposited += deposits[d, 3]
        truth[event, 3] = deposited
        for axis in range(3):
            weighted = 0.0
            for d in range(number):
                weighted += deposits[d, 3] * deposits[d, axis]
            truth[event, 4 + axis] = weighted / deposited
        counts[event, 0] = scatters
        counts[event, 1] = number
    return True


def _provenance(detector: Detector, scan: ScanSettings, seed: int, gain: Table) -> dict[str, Any]:
    return {
        "made_by": f"pulsefront {pulsefront.__version__} simulate_scan",
        "detector": detector.name,
        "detector_sha256": detector_hash(detector),
        "scan": scan.model_dump(mode="json"),
        "seed": seed,
        "channel_gain": [round(float(value), 6) for value in gain],
        "sensor_grid": list(detector.sensors.grid),
        "sensor_pitch_mm": list(detector.sensors.pitch_mm),
        "crystal_size_mm": list(detector.crystal.size_mm),
    }

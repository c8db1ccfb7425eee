"""Two detectors in coincidence, and a point source stepped along the line between them.

The source stands at ``source_offset_mm`` from the middle towards detector 1. Gamma rays then
reach detector 0 later: the expected arrival-time difference t0 − t1 is 2·offset/c.

Both detectors are sampled by one clock, whose phase is free with regard to the event, and record
the same window: it starts ``pre_trigger_samples`` before the sample at which detector 0 triggers.
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
from pulsefront.detector import Detector, Digitizer, detector_hash
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.progress import Report, silent
from pulsefront.simulate.avalanches import (
    add_dark_counts,
    add_secondaries,
    apply_recovery,
    avalanche_row,
    time_jitter,
)
from pulsefront.simulate.digitizer import (
    add_noise,
    digitizer_row,
    pulse_terms,
    quantize,
    sum_pulses,
    time_order,
    trigger_sample,
)
from pulsefront.simulate.gamma import MAX_DEPOSITS, gamma_table, trace_gamma
from pulsefront.simulate.light_map import (
    LightMap,
    LightMapSettings,
    draw_transit,
    interpolate_one,
    interpolate_transit,
    light_map_for,
)
from pulsefront.simulate.optics import LIGHT_MM_PER_NS, optical_world
from pulsefront.simulate.photosensor import crosstalk_mean
from pulsefront.simulate.random import new_state, normal, poisson, uniform
from pulsefront.simulate.scintillation import (
    FWHM_PER_SIGMA,
    cherenkov_photons,
    cherenkov_row,
    decay_rows,
    draw_photons,
    emission_time,
    light_row,
    mean_detection_efficiency,
    relative_yield,
)
from pulsefront.simulate.shards import run_shards, spawn_seeds

__all__ = ["CoincidenceSettings", "simulate_coincidences"]

_SHARD_EVENTS = 512
_MAX_TRIES = 100_000
# Below this share of the threshold in true energy no event can reach it in charge.
_HOPELESS = 0.8
# Samples before the earliest light, beyond the pre-trigger ones, and after the last recorded one.
_MARGIN = 24
Table = NDArray[np.float64]


class CoincidenceSettings(FrozenModel):
    """A point source stepped between two detectors.

    Attributes
    ----------
    offsets_mm
        Nominal positions of the source on the axis, from the middle towards detector 1.
    events_per_offset
        Coincidences recorded at each.
    distance_mm
        Between the two entrance faces.
    source_fwhm_mm
        Size of the source, Gaussian, in all three directions.
    stage_error_mm
        Standard deviation of where the stage really stands; one error per offset.
    noncollinearity_deg
        FWHM of the deviation from 180° of annihilation photons in tissue or water.
    energy_kev
        Of both gamma rays.
    trigger_kev
        Threshold on the charge of both detectors, in keV of a deposit in mid-crystal.
    light_map
        How finely the light map is traced; transit times are always kept.
    """

    offsets_mm: Annotated[tuple[float, ...], Field(min_length=1)] = (
        -60.0, -45.0, -30.0, -15.0, 0.0, 15.0, 30.0, 45.0, 60.0,
    )  # fmt: skip
    events_per_offset: Annotated[int, Field(ge=1)] = 4000
    distance_mm: Annotated[float, Field(gt=0)] = 200.0
    source_fwhm_mm: Annotated[float, Field(ge=0)] = 1.0
    stage_error_mm: Annotated[float, Field(ge=0)] = 0.05
    noncollinearity_deg: Annotated[float, Field(ge=0, le=2)] = 0.5
    energy_kev: Annotated[float, Field(ge=20, le=2500)] = 511.0
    trigger_kev: Annotated[float, Field(ge=0)] = 400.0
    light_map: LightMapSettings = LightMapSettings(
        pitch_mm=0.75, depth_pitch_mm=1.25, fine_depth_mm=2.5, photons=10_000, transit_times=True
    )


def simulate_coincidences(
    detector: Detector,
    settings: CoincidenceSettings,
    seed: int,
    *,
    other: Detector | None = None,
    executor: Executor | None = None,
    report: Report = silent,
    cache: str | Path | None = None,
) -> EventTable:
    """Simulate coincidences of two detectors with digitized waveforms.

    The waveform of a detector is the sum over all its photosensors. The result depends on the
    arguments alone, not on *executor* or its number of workers.

    Parameters
    ----------
    detector
        With a ``[digitizer]`` section.
    other
        Detector 1 where it differs from detector 0; its digitizer must share sampling and window.
    executor, report, cache
        As for `simulate_scan`.

    Returns
    -------
    EventTable
        ``waveform_adc`` (event, 2, sample), ``source_offset_mm``, ``offset_index``,
        ``known_difference_ns`` and the truth; see the data dictionary. Provenance holds
        ``sample_interval_ns``. A clipped waveform has status `Status.SATURATED`.

    Raises
    ------
    ConfigError
        The source is not between the detectors, or a detector has no digitizer.
    """
    detectors = (detector, other or detector)
    digitizer = _check(detectors, settings)
    map_settings = settings.light_map.model_copy(update={"transit_times": True})
    maps = [light_map_for(d, map_settings, cache=cache, executor=executor) for d in detectors[:1]]
    maps.append(
        maps[0]
        if other is None
        else light_map_for(other, map_settings, cache=cache, executor=executor)
    )
    seeds = spawn_seeds(seed, 2)
    nominal = np.array(settings.offsets_mm)
    errors = np.random.default_rng(seeds[0]).normal(0.0, settings.stage_error_mm, len(nominal))
    which = np.repeat(np.arange(len(nominal)), settings.events_per_offset)
    starts = range(0, len(which), _SHARD_EVENTS)
    source = np.array(
        [
            settings.distance_mm,
            settings.source_fwhm_mm / FWHM_PER_SIGMA,
            math.radians(settings.noncollinearity_deg) / FWHM_PER_SIGMA,
            settings.energy_kev,
            settings.trigger_kev,
        ]
    )
    arms = [_arm(d, m, settings) for d, m in zip(detectors, maps, strict=True)]
    standing = (nominal + errors)[which]
    shards = [
        (standing[start : start + _SHARD_EVENTS], source, *arms, digitizer.samples, shard_seed)
        for start, shard_seed in zip(starts, spawn_seeds(seeds[1], len(starts)), strict=True)
    ]
    weights = [len(standing[start : start + _SHARD_EVENTS]) for start in starts]
    parts = run_shards(_shard, shards, executor=executor, weights=weights, report=report)
    waveform, truth, clipped = (np.concatenate([part[i] for part in parts]) for i in range(3))
    columns = {
        "waveform_adc": waveform,
        "source_offset_mm": nominal[which],
        "offset_index": which.astype(np.int16),
        "known_difference_ns": 2.0 * nominal[which] / LIGHT_MM_PER_NS,
        "true_arrival_ns": truth[:, :, 0],
        "depth_mm": truth[:, :, 1].astype(np.float32),
        "energy_deposited_kev": truth[:, :, 2].astype(np.float32),
        "avalanches": truth[:, :, 3].astype(np.float32),
    }
    status = np.where(clipped, Status.SATURATED, Status.OK).astype(np.uint16)
    quantities = {name: _QUANTITIES[name] for name in columns}
    provenance = _provenance(detectors, digitizer, settings, seed)
    return EventTable(columns, quantities, status, provenance)


_QUANTITIES = {
    "waveform_adc": Quantity("ADC counts", "waveforms of detectors 0 and 1, one clock and window"),
    "source_offset_mm": Quantity("mm", "nominal source position from the middle to detector 1"),
    "offset_index": Quantity("1", "number of the source position"),
    "known_difference_ns": Quantity("ns", "expected t0 − t1: 2·source_offset/c"),
    "true_arrival_ns": Quantity("ns", "truth: first interaction, from the first sample"),
    "depth_mm": Quantity("mm", "truth: depth of the first interaction"),
    "energy_deposited_kev": Quantity("keV", "truth: energy deposited in the crystal"),
    "avalanches": Quantity("1", "truth: charge in units of a mean avalanche"),
}


def _check(detectors: tuple[Detector, Detector], settings: CoincidenceSettings) -> Digitizer:
    first = detectors[0].digitizer
    for detector in detectors:
        if detector.digitizer is None or first is None:
            raise ConfigError(
                "has no digitizer",
                field="digitizer",
                value=detector.name,
                remedy="add a [digitizer] section to the detector",
            )
        for key in ("sample_interval_ns", "samples", "pre_trigger_samples"):
            if getattr(detector.digitizer, key) != getattr(first, key):
                raise ConfigError(
                    "must be the same in both detectors of a pair",
                    field=f"digitizer.{key}",
                    value=getattr(detector.digitizer, key),
                )
    farthest = max(settings.offsets_mm, key=abs)
    if abs(farthest) >= settings.distance_mm / 2:
        raise ConfigError(
            f"the source is not between the detectors, {settings.distance_mm:g} mm apart",
            field="offsets_mm",
            value=farthest,
        )
    if settings.trigger_kev >= settings.energy_kev:
        raise ConfigError(
            f"no event of {settings.energy_kev:g} keV can trigger",
            field="trigger_kev",
            value=settings.trigger_kev,
        )
    assert first is not None
    return first


def _arm(detector: Detector, light_map: LightMap, settings: CoincidenceSettings) -> tuple[Any, ...]:
    """Return one detector as the arrays that the kernels read."""
    material, digitizer = detector.material, detector.digitizer
    assert digitizer is not None
    gammas = gamma_table(material.formula, material.density_g_cm3)
    light = light_row(material, mean_detection_efficiency(material, detector.photosensor))
    middle = light_map.probabilities(np.array([[0.0, 0.0, detector.thickness_mm / 2]])).sum()
    per_kev = light[0, 0] * relative_yield(settings.energy_kev, light) * float(middle)
    sensor = detector.photosensor
    descendants = 1.0
    if sensor.kind == "sipm":
        descendants = 1.0 / (1.0 - crosstalk_mean(sensor.crosstalk))
    return (
        optical_world(detector).slabs[0],
        gammas.energy_kev,
        gammas.per_mm,
        light,
        decay_rows(material),
        np.array([per_kev * descendants, *cherenkov_row(material, detector.photosensor)]),
        avalanche_row(detector),
        digitizer_row(digitizer),
        pulse_terms(digitizer),
        light_map.x_mm,
        light_map.y_mm,
        light_map.z_mm,
        light_map.probability,
        light_map.transit_ns,
    )


def _shard(
    standing_mm: Table,
    source: Table,
    first: tuple[Any, ...],
    second: tuple[Any, ...],
    samples: int,
    seed: np.random.SeedSequence,
) -> tuple[NDArray[np.uint16], Table, NDArray[np.bool_]]:
    waveform = np.zeros((len(standing_mm), 2, samples), np.uint16)
    truth = np.zeros((len(standing_mm), 2, 4))
    clipped = np.zeros(len(standing_mm), np.bool_)
    state = new_state(seed)
    if not _coincidences(state, standing_mm, source, first, second, waveform, truth, clipped):
        raise ConfigError(
            f"less than one coincidence in {_MAX_TRIES:,} decays",
            field="trigger_kev",
            remedy="lower trigger_kev",
        )
    return waveform, truth, clipped


@njit(nogil=True, cache=True)
def _aim(
    state: NDArray[np.uint64], x: float, y: float, z: float, distance: float, half: Table
) -> tuple[float, float, float]:
    """Return a direction from the source to a random place on the farther entrance face."""
    face = -0.5 * distance if z > 0.0 else 0.5 * distance
    dx = half[0] * (2.0 * uniform(state) - 1.0) - x
    dy = half[1] * (2.0 * uniform(state) - 1.0) - y
    dz = face - z
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    # The direction towards detector 0, which lies at negative z.
    sign = 1.0 if dz < 0.0 else -1.0
    return sign * dx / length, sign * dy / length, sign * dz / length


@njit(nogil=True, cache=True)
def _avalanches_of(
    state: NDArray[np.uint64],
    deposits: Table,
    number: int,
    arrival: float,
    stop: float,
    arm: tuple[Any, ...],
    mean: NDArray[np.float32],
    quantiles: NDArray[np.float32],
    time_ns: Table,
) -> int:
    """Fill *time_ns* with the detection times of scintillation and Cherenkov light."""
    light, decay, scale, row = arm[3], arm[4], arm[5], arm[6]
    count = 0
    for d in range(number):
        x, y, z = deposits[d, 0], deposits[d, 1], deposits[d, 2]
        mean[:] = 0.0
        interpolate_one(x, y, z, arm[9], arm[10], arm[11], arm[12], 1.0, mean)
        photons = draw_photons(state, deposits[d, 3], light)
        prompt = cherenkov_photons(deposits[d, 3], scale[1:])
        for sensor in range(len(mean)):
            scintillation = poisson(state, photons * mean[sensor])
            cherenkov = poisson(state, prompt * mean[sensor])
            if scintillation + cherenkov == 0:
                continue
            interpolate_transit(x, y, z, sensor, arm[9], arm[10], arm[11], arm[13], quantiles)
            for photon in range(scintillation + cherenkov):
                time = arrival + deposits[d, 4]
                if photon < scintillation:
                    time += emission_time(state, decay)
                if time > stop or count >= len(time_ns):
                    continue
                time_ns[count] = time + draw_transit(state, quantiles) + time_jitter(state, row)
                count += 1
    return count


@njit(nogil=True, cache=True)
def _coincidences(
    state: NDArray[np.uint64],
    standing_mm: Table,
    source: Table,
    first: tuple[Any, ...],
    second: tuple[Any, ...],
    waveform: NDArray[np.uint16],
    truth: Table,
    clipped: NDArray[np.bool_],
) -> bool:
    """Fill one coincidence per source position; return whether all were found."""
    distance, source_sigma, angle_sigma, energy, trigger_kev = source
    interval = first[7][0]
    samples = waveform.shape[2]
    before = int(first[7][10])
    length = samples + before + 2 * _MARGIN
    most = 200_000
    time_ns, amplitude = np.zeros(most), np.zeros(most)
    cell, order = np.zeros(most, np.int32), np.zeros(most, np.int64)
    begin = np.zeros(length + 1, np.int64)
    analog = np.zeros((2, length))
    last_fired = np.zeros(max(1, int(max(first[6][0], second[6][0]))))
    deposits = np.zeros((2, MAX_DEPOSITS, 6))
    number = np.zeros(2, np.int64)
    sensors = max(first[12].shape[3], second[12].shape[3])
    means = np.zeros(sensors, np.float32)
    quantiles = np.zeros(first[13].shape[4], np.float32)
    half = np.array([max(first[0][6], second[0][6]), max(first[0][7], second[0][7])])
    for event in range(len(standing_mm)):
        found = False
        for _ in range(_MAX_TRIES):
            x, y = source_sigma * normal(state), source_sigma * normal(state)
            z = standing_mm[event] + source_sigma * normal(state)
            dx, dy, dz = _aim(state, x, y, z, distance, half)
            good = True
            for side in range(2):
                arm = first if side == 0 else second
                sign = 1.0 if side == 0 else -1.0
                # In the frame of the detector the depth grows away from the source.
                gx, gy, gz = sign * dx, sign * dy, abs(dz)
                if side == 1:
                    gx += angle_sigma * normal(state)
                    gy += angle_sigma * normal(state)
                    gz = math.sqrt(max(0.0, 1.0 - gx * gx - gy * gy))
                number[side], _scatters, escaped = trace_gamma(
                    state,
                    x,
                    y,
                    -(0.5 * distance + sign * z),
                    gx,
                    gy,
                    gz,
                    energy,
                    arm[0],
                    arm[1],
                    arm[2],
                    deposits[side],
                )
                if number[side] == 0 or energy - escaped < _HOPELESS * trigger_kev:
                    good = False
                    break
                truth[event, side, 1] = deposits[side, 0, 2]
                truth[event, side, 2] = energy - escaped
            if not good:
                continue
            start = -interval * (before + _MARGIN + uniform(state))
            stop = start + interval * length
            for side in range(2):
                arm = first if side == 0 else second
                row = arm[6]
                # The flight is in the deposit times; on average light arrives half the gap late.
                arrival = -0.5 * distance / LIGHT_MM_PER_NS
                mean = means[: arm[12].shape[3]]
                count = _avalanches_of(
                    state,
                    deposits[side],
                    number[side],
                    arrival,
                    stop,
                    arm,
                    mean,
                    quantiles,
                    time_ns,
                )
                lead = 5.0 * arm[8][1, 1]
                dark_row = row.copy()
                dark_row[9] *= len(mean)
                count = add_dark_counts(state, dark_row, start - lead, stop, time_ns, count)
                count = add_secondaries(state, row, time_ns, cell, count)
                time_order(time_ns, count, start, interval, order, begin)
                apply_recovery(state, row, time_ns, cell, order, count, last_fired, amplitude)
                total = 0.0
                for n in range(count):
                    total += amplitude[n]
                truth[event, side, 3] = total
                truth[event, side, 0] = arrival + deposits[side, 0, 4]
                if total < trigger_kev * arm[5][0]:
                    good = False
                    break
                sum_pulses(time_ns, amplitude, count, start, interval, arm[8], analog[side])
                add_noise(state, arm[7], analog[side])
            if not good:
                continue
            at = trigger_sample(state, first[7], analog[0]) - before
            if at < 0 or at + samples > length:
                continue
            for side in range(2):
                truth[event, side, 0] -= start + at * interval
                row = first[7] if side == 0 else second[7]
                if quantize(analog[side], at, row, waveform[event, side]):
                    clipped[event] = True
            found = True
            break
        if not found:
            return False
    return True


def _provenance(
    detectors: tuple[Detector, Detector],
    digitizer: Digitizer,
    settings: CoincidenceSettings,
    seed: int,
) -> dict[str, Any]:
    return {
        "made_by": f"pulsefront {pulsefront.__version__} simulate_coincidences",
        "detectors": [detector.name for detector in detectors],
        "detector_sha256": [detector_hash(detector) for detector in detectors],
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "sample_interval_ns": digitizer.sample_interval_ns,
        "pre_trigger_samples": digitizer.pre_trigger_samples,
        "baseline_adc": digitizer.baseline_adc,
        "adc_bits": digitizer.adc_bits,
    }

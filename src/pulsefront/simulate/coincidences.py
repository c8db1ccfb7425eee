"""Two detectors in coincidence, and a point source stepped along the line between them.

The source stands at ``source_offset_mm`` from the middle towards detector 1. Gamma rays then
reach detector 0 later: the expected arrival-time difference t0 − t1 is 2·offset/c.

Both detectors are sampled by one clock, whose phase is free with regard to the event, and record
the same window: it starts ``pre_trigger_samples`` before the sample at which detector 0 triggers.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import pulsefront
from pulsefront.config import FrozenModel
from pulsefront.detector import Detector, Digitizer, detector_hash
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.progress import Report, silent
from pulsefront.simulate.avalanches import avalanche_row, gain_table
from pulsefront.simulate.coincidence_events import MARGIN, MAX_TRIES, coincidence_events
from pulsefront.simulate.digitizer import digitizer_row, pulse_terms
from pulsefront.simulate.gamma import gamma_table
from pulsefront.simulate.light_map import LightMap, LightMapSettings, light_map_for
from pulsefront.simulate.optics import LIGHT_MM_PER_NS, optical_world
from pulsefront.simulate.photosensor import crosstalk_mean
from pulsefront.simulate.plan import Plan
from pulsefront.simulate.random import new_state
from pulsefront.simulate.scintillation import (
    FWHM_PER_SIGMA,
    cherenkov_row,
    decay_rows,
    gate_fraction,
    light_row,
    mean_detection_efficiency,
    relative_yield,
)
from pulsefront.simulate.shards import child_seed, shard_sizes

__all__ = ["CoincidenceSettings", "coincidence_plan", "simulate_coincidences"]

_SHARD_EVENTS = 512
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
    random_fraction, window_ns
        Share of random coincidences: detector 1 fires at any time within ± window_ns, which must
        be less than what the recorded window holds.
    scatter_fraction, scatterer_radius_mm
        Share of coincidences of which one photon scattered at this distance from the source
        (those that still pass the threshold), in the direction of the detector.
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
    random_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    window_ns: Annotated[float, Field(gt=0)] = 4.0
    scatter_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    scatterer_radius_mm: Annotated[float, Field(ge=0)] = 30.0
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
    plan = coincidence_plan(detector, settings, seed, other=other, cache=cache, executor=executor)
    return plan.run(executor=executor, report=report)


def coincidence_plan(
    detector: Detector,
    settings: CoincidenceSettings,
    seed: int,
    *,
    events: int | None = None,
    other: Detector | None = None,
    cache: str | Path | None = None,
    executor: Executor | None = None,
) -> Plan:
    """Return coincidences as shards; see `simulate_coincidences`.

    *events* in all are shared out between the offsets; None takes ``events_per_offset`` of each.
    """
    detectors = (detector, other or detector)
    digitizer = _check(detectors, settings)
    map_settings = settings.light_map.model_copy(update={"transit_times": True})
    maps = [light_map_for(detector, map_settings, cache=cache, executor=executor)]
    maps.append(
        maps[0]
        if other is None
        else light_map_for(other, map_settings, cache=cache, executor=executor)
    )
    nominal = np.array(settings.offsets_mm)
    rng = np.random.default_rng(child_seed(seed, 0))
    standing = nominal + rng.normal(0.0, settings.stage_error_mm, len(nominal))
    ends = settings.events_per_offset * np.arange(1, len(nominal) + 1)
    if events is not None:
        if events < 1:
            raise ConfigError("must be at least 1", field="events", value=events)
        ends = (ends * events) // ends[-1]
    source = np.array(
        [
            settings.distance_mm,
            settings.source_fwhm_mm / FWHM_PER_SIGMA,
            math.radians(settings.noncollinearity_deg) / FWHM_PER_SIGMA,
            settings.energy_kev,
            settings.trigger_kev,
            settings.random_fraction,
            settings.scatter_fraction,
            settings.window_ns,
            settings.scatterer_radius_mm,
        ]
    )
    arms = [_arm(d, m, settings) for d, m in zip(detectors, maps, strict=True)]
    sizes = shard_sizes(int(ends[-1]), _SHARD_EVENTS)

    def which(shard: int) -> NDArray[np.intp]:
        start = shard * _SHARD_EVENTS
        return np.searchsorted(ends, np.arange(start, start + sizes[shard]), side="right")

    def arguments(shard: int) -> tuple[Any, ...]:
        at = standing[which(shard)]
        return at, source, *arms, digitizer.samples, child_seed(seed, 1, shard)

    provenance = _provenance(detectors, digitizer, settings, seed)
    table = partial(_table, which, nominal, provenance)
    identity = {**provenance, "events": int(ends[-1]), "maps": [m.optics for m in maps]}
    return Plan(sizes, _shard, arguments, table, identity)


def _table(
    which: Any,
    nominal: Table,
    provenance: dict[str, Any],
    shard: int,
    result: tuple[NDArray[Any], ...],
) -> EventTable:
    waveform, truth, clipped, kind = result
    at = which(shard)
    columns = {
        "waveform_adc": waveform,
        "source_offset_mm": nominal[at],
        "offset_index": at.astype(np.int16),
        "known_difference_ns": 2.0 * nominal[at] / LIGHT_MM_PER_NS,
        "true_arrival_ns": truth[:, :, 0],
        "depth_mm": truth[:, :, 1].astype(np.float32),
        "energy_deposited_kev": truth[:, :, 2].astype(np.float32),
        "avalanches": truth[:, :, 3].astype(np.float32),
        "coincidence_kind": kind,
    }
    status = np.where(clipped, Status.SATURATED, Status.OK).astype(np.uint16)
    quantities = {name: _QUANTITIES[name] for name in columns}
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
    "coincidence_kind": Quantity("1", "truth: 0 true, 1 scattered, 2 random"),
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
    if settings.random_fraction + settings.scatter_fraction > 1:
        raise ConfigError(
            "random_fraction and scatter_fraction add up to more than 1",
            field="scatter_fraction",
            value=settings.scatter_fraction,
        )
    held_ns = 0.5 * first.sample_interval_ns * first.pre_trigger_samples
    if settings.random_fraction > 0 and settings.window_ns > held_ns:
        raise ConfigError(
            f"the recorded window holds pulses up to {held_ns:g} ns apart",
            field="window_ns",
            value=settings.window_ns,
        )
    return first


def _arm(detector: Detector, light_map: LightMap, settings: CoincidenceSettings) -> tuple[Any, ...]:
    """Return one detector as the arrays that the kernels read."""
    material, digitizer = detector.material, detector.digitizer
    assert digitizer is not None
    gammas = gamma_table(material.formula, material.density_g_cm3)
    light = light_row(material, mean_detection_efficiency(material, detector.photosensor))
    middle = light_map.probabilities(np.array([[0.0, 0.0, detector.thickness_mm / 2]])).sum()
    per_kev = light[0, 0] * relative_yield(settings.energy_kev, light) * float(middle)
    # Only light of the simulated stretch counts: slow scintillators give most of it later.
    stretch_ns = (digitizer.samples + MARGIN) * digitizer.sample_interval_ns
    per_kev *= gate_fraction(material, stretch_ns)
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
        gain_table(detector.photosensor),
    )


def _shard(
    standing_mm: Table,
    source: Table,
    first: tuple[Any, ...],
    second: tuple[Any, ...],
    samples: int,
    seed: np.random.SeedSequence,
) -> tuple[NDArray[Any], ...]:
    count = len(standing_mm)
    waveform = np.zeros((count, 2, samples), np.uint16)
    truth = np.zeros((count, 2, 4))
    clipped, kind = np.zeros(count, np.bool_), np.zeros(count, np.uint8)
    state = new_state(seed)
    arms = (first, second)
    if not coincidence_events(state, standing_mm, source, *arms, waveform, truth, clipped, kind):
        raise ConfigError(
            f"less than one coincidence in {MAX_TRIES:,} decays",
            field="trigger_kev",
            remedy="lower trigger_kev",
        )
    return waveform, truth, clipped, kind


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

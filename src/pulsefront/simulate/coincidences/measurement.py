"""Two detectors in coincidence, and a point source stepped along the line between them.

The source is at ``source_offset_mm`` from the middle towards detector 1. Gamma rays then
reach detector 0 later: the expected arrival-time difference t0 − t1 is 2·offset/c.

Both detectors are sampled by one clock, whose phase is free with regard to the event, and record
the same window: it starts ``pre_trigger_samples`` before the sample at which detector 0 triggers.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pulsefront
from pulsefront.detector import Detector, Digitizer, detector_hash
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.progress import Report, silent
from pulsefront.simulate.coincidences.chain import (
    MARGIN,
    MAX_TRIES,
    CoincidenceEvents,
    coincidence_events,
)
from pulsefront.simulate.coincidences.light import Arm
from pulsefront.simulate.coincidences.settings import (
    CoincidenceSettings,
    channel_names,
    channel_weights,
    check_pair,
)
from pulsefront.simulate.coincidences.source import PairSource
from pulsefront.simulate.coincidences.threshold import threshold_charge
from pulsefront.simulate.constants import FWHM_PER_SIGMA, LIGHT_MM_PER_NS
from pulsefront.simulate.gamma.interactions import gamma_table
from pulsefront.simulate.light.map import LightMap, light_map_for
from pulsefront.simulate.light.optics import optical_world
from pulsefront.simulate.light.scintillation import (
    cherenkov_yield,
    decay_parts,
    light_yield,
    mean_detection_efficiency,
)
from pulsefront.simulate.light.table import no_light_map
from pulsefront.simulate.records import typed
from pulsefront.simulate.run.plan import Plan
from pulsefront.simulate.run.random import new_state
from pulsefront.simulate.run.shards import child_seed
from pulsefront.simulate.run.sharing import Sharing, share_events
from pulsefront.simulate.sensor.avalanche_model import avalanche_model
from pulsefront.simulate.sensor.charges import channel_gain
from pulsefront.simulate.sensor.digitizer import digitizer_model

__all__ = ["CoincidenceSettings", "coincidence_plan", "simulate_coincidences"]

_SHARD_EVENTS = 512
_PROMPT_KEV = {"na22": 1274.5}
Table = NDArray[np.float64]


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

    What is recorded of a detector says ``settings.readout``: the sum over all its photosensors,
    or several channels. The result depends on the arguments alone, not on *executor* or its
    number of workers.

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
        ``waveform_adc`` (event, channel, sample): the channels of detector 0, then as many of
        detector 1, one of each where the readout is the sum; ``source_offset_mm``,
        ``offset_index``, ``known_difference_ns`` and the truth; see the data dictionary.
        Provenance holds ``sample_interval_ns`` and the names of the ``channels``. An event with a
        clipped waveform has status `Status.SATURATED`.

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
    map_report: Report = silent,
) -> Plan:
    """Return coincidences as shards; see `simulate_coincidences`.

    *events* in all are shared out between the offsets; None takes ``events_per_offset`` of each.
    *map_report* is told of photons while light maps are traced.
    """
    detectors = (detector, other or detector)
    digitizers = check_pair(detectors, settings)
    maps = _light_maps(detectors, settings, cache, executor, map_report)
    nominal_mm = np.array(settings.offsets_mm)
    rng = np.random.default_rng(child_seed(seed, 0))
    source_mm = nominal_mm + rng.normal(0.0, settings.stage_error_mm, len(nominal_mm))
    counts = np.full(len(nominal_mm), settings.events_per_offset)
    sharing = share_events(counts, events, at_most=_SHARD_EVENTS)
    source = _pair_source(settings)
    gains = [
        channel_gain(d, np.random.default_rng(child_seed(seed, 0, side)))
        for side, d in enumerate(detectors)
    ]
    arms = [
        _arm(*parts, settings) for parts in zip(detectors, digitizers, maps, gains, strict=True)
    ]
    shape = (len(channel_names(detector, settings)), digitizers[0].samples)

    def arguments(shard: int) -> tuple[Any, ...]:
        return source_mm[sharing.positions(shard)], source, *arms, shape, child_seed(seed, 1, shard)

    provenance = _provenance(detectors, digitizers[0], settings, gains, seed)
    table = partial(_table, sharing, nominal_mm, provenance)
    identity = {
        **provenance,
        "events": sharing.events,
        "maps": ["" if settings.full_tracing else m.optics for m in maps],
    }
    return Plan(sharing.sizes, _shard, arguments, table, identity)


def _light_maps(
    detectors: tuple[Detector, Detector],
    settings: CoincidenceSettings,
    cache: str | Path | None,
    executor: Executor | None,
    report: Report,
) -> tuple[LightMap, LightMap]:
    """Return the light maps of both detectors; that of equal ones is traced once."""
    first, second = detectors
    if settings.full_tracing:
        return no_light_map(first), no_light_map(second)
    timed = settings.light_map.model_copy(update={"transit_times": True})
    one = light_map_for(first, timed, cache=cache, executor=executor, report=report)
    if second is first:
        return one, one
    return one, light_map_for(second, timed, cache=cache, executor=executor, report=report)


def _pair_source(settings: CoincidenceSettings) -> PairSource:
    return typed(
        PairSource(
            distance_mm=settings.distance_mm,
            sigma_mm=settings.source_fwhm_mm / FWHM_PER_SIGMA,
            angle_rad=math.radians(settings.noncollinearity_deg) / FWHM_PER_SIGMA,
            energy_kev=settings.gamma_kev,
            prompt_kev=_PROMPT_KEV.get(settings.source, 0.0),
            trigger_kev=settings.trigger_kev,
            random_fraction=settings.random_fraction,
            scatter_fraction=settings.scatter_fraction,
            background_fraction=settings.background_fraction,
            window_ns=settings.window_ns,
            scatterer_radius_mm=settings.scatterer_radius_mm,
        )
    )


def _table(
    sharing: Sharing,
    nominal_mm: Table,
    provenance: dict[str, Any],
    shard: int,
    events: CoincidenceEvents,
) -> EventTable:
    offset = sharing.positions(shard)
    waveform = events.waveform_adc
    columns = {
        **events._asdict(),
        # Channels of detector 0, then those of detector 1.
        "waveform_adc": waveform.reshape(len(waveform), -1, waveform.shape[3]),
        "source_offset_mm": nominal_mm[offset],
        "offset_index": offset.astype(np.int16),
        "known_difference_ns": 2.0 * nominal_mm[offset] / LIGHT_MM_PER_NS,
    }
    status = np.where(events.clipped, Status.SATURATED, Status.OK).astype(np.uint16)
    return EventTable(
        {name: columns[name] for name in _QUANTITIES}, _QUANTITIES, status, provenance
    )


_QUANTITIES = {
    "waveform_adc": Quantity("ADC counts", "waveforms of detectors 0 and 1, one clock and window"),
    "source_offset_mm": Quantity("mm", "nominal source position from the middle to detector 1"),
    "offset_index": Quantity("1", "number of the source position"),
    "known_difference_ns": Quantity("ns", "expected t0 − t1: 2·source_offset/c"),
    "true_arrival_ns": Quantity("ns", "truth: first interaction, from the first sample"),
    "depth_mm": Quantity("mm", "truth: depth of the first interaction"),
    "energy_deposited_kev": Quantity("keV", "truth: energy deposited in the crystal"),
    "avalanches": Quantity("1", "truth: charge in units of a mean avalanche"),
    "coincidence_kind": Quantity("1", "truth: 0 true, 1 scattered, 2 random, 3 176Lu decay"),
}


def _arm(
    detector: Detector,
    digitizer: Digitizer,
    light_map: LightMap,
    gain: Table,
    settings: CoincidenceSettings,
) -> Arm:
    material, sensor = detector.material, detector.photosensor
    # Only light of the simulated stretch counts: slow scintillators give most of it later.
    stretch_ns = (digitizer.samples + MARGIN) * digitizer.sample_interval_ns
    mapped = None if settings.full_tracing else light_map
    arm = Arm(
        world=optical_world(detector),
        gammas=gamma_table(material.formula, material.density_g_cm3),
        light=light_yield(material, mean_detection_efficiency(material, sensor)),
        decay=decay_parts(material),
        cherenkov=cherenkov_yield(material, sensor),
        threshold=threshold_charge(detector, mapped, settings.trigger_kev, stretch_ns),
        full_tracing=settings.full_tracing,
        avalanche=avalanche_model(detector),
        digitizer=digitizer_model(digitizer),
        sensor_gain=gain,
        weights=channel_weights(detector, settings),
        grid=light_map.grid,
    )
    return typed(arm)


def _shard(
    source_mm: Table,
    source: PairSource,
    first: Arm,
    second: Arm,
    shape: tuple[int, int],
    seed: np.random.SeedSequence,
) -> CoincidenceEvents:
    count = len(source_mm)
    events = CoincidenceEvents(
        waveform_adc=np.zeros((count, 2, *shape), np.uint16),
        true_arrival_ns=np.zeros((count, 2)),
        depth_mm=np.zeros((count, 2), np.float32),
        energy_deposited_kev=np.zeros((count, 2), np.float32),
        avalanches=np.zeros((count, 2), np.float32),
        clipped=np.zeros(count, np.bool_),
        coincidence_kind=np.zeros(count, np.uint8),
    )
    states = (new_state(seed), new_state(child_seed(seed, 0)))
    if not coincidence_events(*states, source_mm, source, first, second, events):
        raise ConfigError(
            f"less than one coincidence in {MAX_TRIES:,} decays",
            field="trigger_kev",
            remedy="lower trigger_kev",
        )
    return events


def _provenance(
    detectors: tuple[Detector, Detector],
    digitizer: Digitizer,
    settings: CoincidenceSettings,
    gains: list[Table],
    seed: int,
) -> dict[str, Any]:
    return {
        "made_by": f"pulsefront {pulsefront.__version__} simulate_coincidences",
        "detectors": [detector.name for detector in detectors],
        "detector_sha256": [detector_hash(detector) for detector in detectors],
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "channels": [
            f"detector {side}, {name}"
            for side, detector in enumerate(detectors)
            for name in channel_names(detector, settings)
        ],
        "sensor_gain": [[round(float(value), 6) for value in gain] for gain in gains],
        "sensor_grid": list(detectors[0].sensors.grid),
        "sample_interval_ns": digitizer.sample_interval_ns,
        "pre_trigger_samples": digitizer.pre_trigger_samples,
        "baseline_adc": digitizer.baseline_adc,
        "adc_bits": digitizer.adc_bits,
    }

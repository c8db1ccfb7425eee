"""Light and energy resolution of a detector, as spectra of its charges give them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsefront.detector import Detector
from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import (
    Interval,
    bootstrap,
    central_width_statistic,
    fwhm_statistic,
    mean_statistic,
)
from pulsefront.simulate.light.grid import LightMapSettings
from pulsefront.simulate.scan.measurement import simulate_scan
from pulsefront.simulate.scan.settings import ScanSettings

__all__ = ["REPLICATES", "ChargeFigures", "map_settings", "measure_charges"]

REPLICATES = 400
"""Of bootstraps: the ends of an interval are then right within a tenth of its width."""

_LEAST_EVENTS = 200
_FULL_KEV = 0.1


@dataclass(frozen=True)
class ChargeFigures:
    """Of the events that leave all their energy.

    ``light_per_mev`` is their mean charge in units of a mean avalanche, crosstalk and afterpulses
    of the gate included: what counting fired cells, or photoelectrons of a tube, gives.
    ``energy_resolution_percent`` is FWHM over mean.
    """

    light_per_mev: Interval
    energy_resolution_percent: Interval


def map_settings(detector: Detector, *, transit_times: bool = False) -> LightMapSettings:
    """Return a grid of four intervals across the smallest element, and about as many in depth."""
    width = min(detector.crystal.element_size_mm[:2])
    pitch = max(width / 4, 0.5)
    return LightMapSettings(
        pitch_mm=pitch,
        depth_pitch_mm=min(2.0, max(detector.thickness_mm / 8, 0.5)),
        fine_depth_mm=min(2.5, detector.thickness_mm / 2),
        photons=10_000,
        transit_times=transit_times,
    )


def measure_charges(
    detector: Detector,
    *,
    energy_kev: float = 511.0,
    events: int = 8000,
    seed: int = 1,
    cache: str | Path | None = None,
    smooth: bool = False,
) -> ChargeFigures:
    """Return light and energy resolution for gamma rays over the whole entrance face.

    Parameters
    ----------
    detector
        With a ``[charge]`` section.
    events
        Recorded above half of the energy; about half of them leave all of it.
    cache
        Folder of light maps.
    smooth
        Take the width between the quantiles that hold 76 % for the resolution, which is the FWHM
        of a Gaussian and varies less from sample to sample.

    Raises
    ------
    ConfigError
        There is no charge readout, or nothing triggers.
    DataError
        Too few events leave all their energy.
    """
    scan = ScanSettings(
        geometry="flood",
        half_extent_mm=0.0,
        events_even_even=events,
        energy_kev=energy_kev,
        trigger_kev=0.5 * energy_kev,
        stage_error_mm=0.0,
        light_map=map_settings(detector),
    )
    table = simulate_scan(detector, scan, seed, cache=cache)
    whole = table["energy_deposited_kev"] > energy_kev - _FULL_KEV
    if whole.sum() < _LEAST_EVENTS:
        raise DataError(
            "too few events leave all their energy",
            field="events",
            value=int(whole.sum()),
            remedy=f"more events: at least {_LEAST_EVENTS} are needed",
        )
    charge = table["charge_adc"][whole].sum(axis=1, dtype=np.float64)
    light = charge / detector.charge_readout.counts_per_photoelectron / (energy_kev / 1000.0)
    width = central_width_statistic if smooth else fwhm_statistic
    return ChargeFigures(
        bootstrap(mean_statistic(light), len(light), replicates=REPLICATES),
        bootstrap(width(100.0 * light / light.mean()), len(light), replicates=REPLICATES),
    )

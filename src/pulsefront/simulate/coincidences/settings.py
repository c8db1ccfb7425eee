"""What a coincidence measurement is set to, and what is recorded of it."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.detector import Detector, Digitizer
from pulsefront.errors import ConfigError
from pulsefront.simulate.light.grid import LightMapSettings
from pulsefront.simulate.sensor.multiplex import multiplexing

__all__ = ["CoincidenceSettings", "channel_names", "channel_weights", "check_pair"]


class CoincidenceSettings(FrozenModel):
    """A point source stepped between two detectors."""

    offsets_mm: Annotated[tuple[float, ...], Field(min_length=1)] = (
        -60.0, -45.0, -30.0, -15.0, 0.0, 15.0, 30.0, 45.0, 60.0,
    )  # fmt: skip
    """nominal positions of the source on the axis, from the middle towards detector 1; every second
    one trains"""
    events_per_offset: Annotated[int, Field(ge=1)] = 4000
    """coincidences recorded at each"""
    distance_mm: Annotated[float, Field(gt=0)] = 200.0
    """between the two entrance faces"""
    source_fwhm_mm: Annotated[float, Field(ge=0)] = 1.0
    """size of the source, Gaussian, in all three directions"""
    stage_error_mm: Annotated[float, Field(ge=0)] = 0.05
    """standard deviation of where the stage really is; one error per offset"""
    noncollinearity_deg: Annotated[float, Field(ge=0, le=2)] = 0.5
    """FWHM of the deviation from 180° of annihilation photons in tissue or water"""
    source: Literal["mono", "f18", "ge68", "na22"] = "mono"
    """mono for two gamma rays of energy_kev, or a nuclide that annihilates: f18 and ge68 give two
    of 511 keV, na22 another of 1,274.5 keV in any direction, which now and then piles up in one
    of the detectors"""
    energy_kev: Annotated[float, Field(ge=20, le=2500)] = 511.0
    """of both gamma rays of a mono source"""
    trigger_kev: Annotated[float, Field(ge=0)] = 400.0
    """threshold on the charge of both detectors, in keV of a deposit in mid-crystal"""
    random_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """share of random coincidences"""
    window_ns: Annotated[float, Field(gt=0)] = 4.0
    """detector 1 fires at any time within ± this in a random coincidence; less than what the
    recorded window holds"""
    background_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """share of coincidences of a gamma ray with a decay of 176Lu in the other crystal, at any time
    within ± window_ns; for crystals with activity of their own"""
    scatter_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """share of coincidences of which one photon scattered on its way in the direction of the
    detector (those that still pass the threshold)"""
    scatterer_radius_mm: Annotated[float, Field(ge=0)] = 30.0
    """distance from the source at which it scattered"""
    readout: (
        Literal["sum", "pixels", "row_column", "charge_division"]
        | Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    ) = "sum"
    """which waveforms are recorded of each detector: sum of all photosensors, all pixels, the sums
    of each column and each row (row_column), the four corners of a resistive network
    (charge_division), or a list of photosensors (numbered iy·nx + ix). The trigger always
    decides on the sum of all"""
    light_map: LightMapSettings = LightMapSettings(
        pitch_mm=0.75, depth_pitch_mm=1.25, fine_depth_mm=2.5, photons=10_000, transit_times=True
    )
    """how finely the light map is traced; transit times are always kept"""
    full_tracing: bool = False
    """trace every detected photon instead of drawing from the light map; slow"""

    @property
    def gamma_kev(self) -> float:
        """Return the energy of the two gamma rays."""
        return self.energy_kev if self.source == "mono" else 511.0


def check_pair(
    detectors: tuple[Detector, Detector], settings: CoincidenceSettings
) -> tuple[Digitizer, Digitizer]:
    """Return the digitizers of both detectors, which share sampling and window.

    Raises
    ------
    ConfigError
        Something of the pair, the source or the readout does not fit.
    """
    first, second = (detector.waveform_digitizer for detector in detectors)
    for key in ("sample_interval_ns", "samples", "pre_trigger_samples"):
        if getattr(second, key) != getattr(first, key):
            raise ConfigError(
                "must be the same in both detectors of a pair",
                field=f"digitizer.{key}",
                value=getattr(second, key),
            )
    _check_source(settings)
    _check_kinds(settings, first, detectors)
    _check_readout(settings, detectors)
    return first, second


def _check_source(settings: CoincidenceSettings) -> None:
    """Raise `ConfigError` where the source is not between the detectors or can never trigger."""
    farthest = max(settings.offsets_mm, key=abs)
    if abs(farthest) >= settings.distance_mm / 2:
        raise ConfigError(
            f"the source is not between the detectors, {settings.distance_mm:g} mm apart",
            field="offsets_mm",
            value=farthest,
        )
    if settings.trigger_kev >= settings.gamma_kev:
        raise ConfigError(
            f"no event of {settings.gamma_kev:g} keV can trigger",
            field="trigger_kev",
            value=settings.trigger_kev,
        )


def _check_kinds(
    settings: CoincidenceSettings, digitizer: Digitizer, detectors: tuple[Detector, Detector]
) -> None:
    """Raise `ConfigError` where the shares of the kinds of coincidence cannot be."""
    spread_out = settings.random_fraction + settings.background_fraction
    if spread_out + settings.scatter_fraction > 1:
        raise ConfigError(
            "random_fraction, scatter_fraction and background_fraction add up to more than 1",
            field="scatter_fraction",
            value=settings.scatter_fraction,
        )
    held_ns = 0.5 * digitizer.sample_interval_ns * digitizer.pre_trigger_samples
    if spread_out > 0 and settings.window_ns > held_ns:
        raise ConfigError(
            f"the recorded window holds pulses up to {held_ns:g} ns apart",
            field="window_ns",
            value=settings.window_ns,
        )
    for detector in detectors:
        material = detector.material
        if settings.background_fraction > 0 and material.background_becquerel_per_cm3 == 0:
            raise ConfigError(
                f"{material.name} has no activity of its own",
                field="background_fraction",
                value=settings.background_fraction,
            )


def _check_readout(settings: CoincidenceSettings, detectors: tuple[Detector, Detector]) -> None:
    """Raise `ConfigError` where a detector lacks what is to be recorded."""
    for detector in detectors:
        count = detector.sensors.count
        if isinstance(settings.readout, tuple) and max(settings.readout) >= count:
            raise ConfigError(
                f"{detector.name} has photosensors 0 to {count - 1}",
                field="readout",
                value=max(settings.readout),
            )
    names = [channel_names(detector, settings) for detector in detectors]
    if names[0] != names[1]:
        raise ConfigError(
            "must give the same channels for both detectors of a pair",
            field="readout",
            value=settings.readout,
            remedy="record the sum, or photosensors that both have",
        )


def channel_names(detector: Detector, settings: CoincidenceSettings) -> list[str]:
    """Return the names of the recorded channels in order."""
    nx, ny = detector.sensors.grid
    if isinstance(settings.readout, tuple):
        return [f"pixel {sensor}" for sensor in settings.readout]
    if settings.readout == "pixels":
        return [f"pixel {sensor}" for sensor in range(nx * ny)]
    if settings.readout == "row_column":
        return [f"column {i}" for i in range(nx)] + [f"row {i}" for i in range(ny)]
    if settings.readout == "charge_division":
        return ["corner -x -y", "corner +x -y", "corner -x +y", "corner +x +y"]
    return ["sum"]


def channel_weights(detector: Detector, settings: CoincidenceSettings) -> NDArray[np.float64]:
    """Return (channel, sensor) what each channel sees; of no rows where it is the sum."""
    if isinstance(settings.readout, tuple):
        return np.eye(detector.sensors.count)[list(settings.readout)]
    if settings.readout == "sum":
        return np.zeros((0, 0))
    return multiplexing(detector, settings.readout)

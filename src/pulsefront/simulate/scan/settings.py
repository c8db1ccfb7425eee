"""Point sources for one detector: what is irradiated, from where, with which gamma rays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.detector import Detector
from pulsefront.errors import ConfigError
from pulsefront.simulate.light.grid import LightMapSettings
from pulsefront.simulate.records import record_array

__all__ = [
    "GammaLine",
    "ScanSettings",
    "check_scan",
    "default_scan",
    "gamma_lines",
    "scan_positions",
]

Table = NDArray[np.float64]

# Gamma rays per decay: (keV, intensity). Source: DDEP recommended data (2010 and later).
_LINES: dict[str, tuple[tuple[float, float], ...]] = {
    "na22": ((511.0, 1.807), (1274.5, 0.9994)),
    "f18": ((511.0, 1.934),),
    "ge68": ((511.0, 1.777), (1077.3, 0.0323)),
    "cs137": ((661.66, 0.8499),),
}


class ScanSettings(FrozenModel):
    """A scan with a collimated source."""

    geometry: Literal["pencil", "fan", "side", "flood", "internal"] = "pencil"
    """pencil: a beam along z at (x, y) of the stage. fan: a slit, narrow in x at the stage's x and
    covering the crystal in y. side: a pencil along x at (y, z) of the stage, for depth; the
    second coordinate counts from mid-depth. flood: all of the entrance face at once. internal:
    the crystal's own 176Lu, everywhere in it"""
    source: Literal["mono", "na22", "f18", "ge68", "cs137"] = "mono"
    """mono for gamma rays of energy_kev, or a nuclide: its lines in their intensities. Ignored
    where the source is internal"""
    pitch_mm: Annotated[float, Field(gt=0)] = 1.0
    """of the grid of stage positions"""
    half_extent_mm: Annotated[float, Field(ge=0)] = 24.0
    """the grid reaches from −half_extent_mm to +half_extent_mm along both axes"""
    events_even_even: Annotated[int, Field(ge=0)] = 200
    """events recorded per stage position with both indices even; these train"""
    events_odd_odd: Annotated[int, Field(ge=0)] = 100
    """with both indices odd; these select and test"""
    events_mixed: Annotated[int, Field(ge=0)] = 0
    """with one even and one odd index; these select and test"""
    continuous: bool = False
    """the stage moves on between events where both indices are even: each of their events has a
    position of its own, anywhere in the square up to the next such positions. A network that is
    trained on a grid learns the grid, the more so the larger it is"""
    energy_kev: Annotated[float, Field(ge=20, le=2500)] = 511.0
    """of the gamma rays of a mono source"""
    beam_fwhm_mm: Annotated[float, Field(ge=0)] = 0.5
    """Gaussian width of the beam at the face"""
    stage_error_mm: Annotated[float, Field(ge=0)] = 0.02
    """standard deviation, per axis, of where the stage really is; one error per position"""
    trigger_kev: Annotated[float, Field(ge=0)] = 350.0
    """threshold on the sum of the charges, in keV of a deposit in the middle of the crystal"""
    keep_deposits: Annotated[int, Field(ge=0, le=16)] = 0
    """how many deposits of each event are kept as truth beside the first interaction"""
    light_map: LightMapSettings = LightMapSettings()
    """how finely the light map is traced"""
    full_tracing: bool = False
    """trace every detected photon instead of drawing from the light map; slow"""

    @model_validator(mode="after")
    def _has_events(self) -> Self:
        if not self.events_even_even + self.events_odd_odd + self.events_mixed:
            raise ValueError("the scan has no events: all of events_… are 0")
        return self


class GammaLine(NamedTuple):
    """A gamma ray of a source: its energy, and up to which share of all rays it goes."""

    energy_kev: float
    upto: float


def gamma_lines(scan: ScanSettings) -> Sequence[GammaLine]:
    """Return the gamma rays of the source; the last goes up to 1."""
    lines = ((scan.energy_kev, 1.0),) if scan.source == "mono" else _LINES[scan.source]
    shares = np.cumsum([intensity for _, intensity in lines])
    shares = shares / shares[-1]
    return record_array(
        GammaLine,
        [GammaLine(kev, float(share)) for (kev, _), share in zip(lines, shares, strict=True)],
    )


def default_scan(detector: Detector) -> ScanSettings:
    """Return a scan of the whole entrance face but its rim, with about 25 × 25 positions."""
    width = min(detector.crystal.size_mm[:2])
    pitch = width / 50
    # What the light map's grid holds changes over the distance of the photosensors.
    coarse = max(2.0, min(detector.sensors.pitch_mm) / 8)
    return ScanSettings(
        pitch_mm=pitch,
        half_extent_mm=23 * pitch,
        light_map=LightMapSettings(
            pitch_mm=min(coarse, width / 4),
            depth_pitch_mm=min(detector.thickness_mm / 8, width / 4),
        ),
    )


def scan_positions(
    scan: ScanSettings,
) -> tuple[NDArray[np.int16], Table, NDArray[np.int64]]:
    """Return grid index (position, 2), position in mm (position, 2) and events (position,)."""
    steps = math.floor(2 * scan.half_extent_mm / scan.pitch_mm + 1e-9)
    axis = (np.arange(steps + 1) - steps / 2) * scan.pitch_mm
    index = np.stack(np.meshgrid(*[np.arange(steps + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)
    odd = (index % 2).sum(axis=1)
    events = np.array([scan.events_even_even, scan.events_mixed, scan.events_odd_odd])[odd]
    visited = events > 0
    return index[visited].astype(np.int16), axis[index[visited]], events[visited]


def check_scan(detector: Detector, scan: ScanSettings) -> None:
    """Raise `ConfigError` where the source does not hit the crystal or nothing can trigger."""
    size = detector.crystal.size_mm
    half = min(size[1], size[2]) / 2 if scan.geometry == "side" else min(size[:2]) / 2
    if scan.geometry in {"pencil", "fan", "side"} and scan.half_extent_mm > half:
        raise ConfigError(
            f"the scan leaves the crystal, which ends at ±{half:g} mm",
            field="half_extent_mm",
            value=scan.half_extent_mm,
            remedy=f"at most {half:g}",
        )
    highest = max(line.energy_kev for line in gamma_lines(scan))
    if scan.geometry == "internal":
        # 176Lu: 1,192 keV less the neutrino.
        highest = 1192.0
        if detector.material.background_becquerel_per_cm3 == 0:
            raise ConfigError(
                f"{detector.material.name} has no activity of its own",
                field="geometry",
                value="internal",
                remedy="a crystal with lutetium or lanthanum, or another geometry",
            )
    if scan.trigger_kev >= highest:
        raise ConfigError(
            f"no event of {highest:g} keV can trigger",
            field="trigger_kev",
            value=scan.trigger_kev,
            remedy=f"below {highest:g}",
        )

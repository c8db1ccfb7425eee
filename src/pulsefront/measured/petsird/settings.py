"""What a PETSIRD file needs and pairs do not say, and the bins that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulsefront.errors import ConfigError
from pulsefront.events.readers.base import EventFile
from pulsefront.measured.petsird.columns import Sides, simulated_with
from pulsefront.measured.petsird.scanner import LIGHT_MM_PER_PS, PairBins

__all__ = ["PetsirdSettings", "bins_of", "simulated_distance_mm"]


@dataclass(frozen=True)
class PetsirdSettings:
    """What the file needs and pairs do not say.

    Attributes
    ----------
    distance_mm
        Between the entrance faces; that of the simulation if None.
    ctr_fwhm_ps
        Coincidence time resolution.
    energy_resolution
        FWHM at 511 keV, as a share of it.
    energy_range_kev, energy_bins
        Energies of both sides: what lies outside is left out.
    tof_bin_ps
        Width of a bin of the time difference; a fifth of the resolution if None.
    tof_range_ps
        Largest difference; that of the coincidence window if None, or for simulated pairs what
        light takes between the faces and twice the resolution.
    block_ms
        Length of a time block.
    rate_per_s
        Pairs per second, where they have no times: they are spread evenly.
    energy_column, difference_column
        Found if None, see `pulsefront.measured.petsird.columns`.
    channels
        Of either side in the order of the elements of its detector.
    keep_flagged
        Write pairs with status flags too.
    """

    ctr_fwhm_ps: float
    energy_resolution: float
    distance_mm: float | None = None
    energy_range_kev: tuple[float, float] = (0.0, 1000.0)
    energy_bins: int = 100
    tof_bin_ps: float | None = None
    tof_range_ps: float | None = None
    block_ms: int = 1000
    rate_per_s: float | None = None
    energy_column: str | None = None
    difference_column: str | None = None
    channels: Sides | None = None
    keep_flagged: bool = False

    def __post_init__(self) -> None:
        for name in ("ctr_fwhm_ps", "energy_resolution", "distance_mm", "tof_bin_ps",
                     "tof_range_ps", "block_ms", "rate_per_s", "energy_bins"):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ConfigError("must be above 0", field=name, value=value)
        low, high = self.energy_range_kev
        if not (np.isfinite(high) and 0 <= low < high):
            raise ConfigError("must rise", field="energy_range_kev", value=self.energy_range_kev)


def simulated_distance_mm(source: EventFile) -> float:
    """Return how far apart the entrance faces of simulated pairs are.

    Raises
    ------
    ConfigError
        The pairs were measured: the distance must be said.
    """
    settings = simulated_with(source.provenance)
    if settings is None:
        raise ConfigError(
            "is missing",
            field="--distance-mm",
            remedy="say how far the entrance faces of the two detectors are apart",
        )
    return float(settings["distance_mm"])


def bins_of(source: EventFile, settings: PetsirdSettings, distance_mm: float) -> PairBins:
    """Return the edges; one bin of time differences is centred at 0.

    Raises
    ------
    ConfigError
        The bins are too many.
    """
    low, high = settings.energy_range_kev
    energy = np.linspace(low, high, settings.energy_bins + 1).astype(np.float32)
    width = settings.tof_bin_ps or settings.ctr_fwhm_ps / 5
    window_ns = source.provenance.get("coincidence_window_ns")
    farthest = settings.tof_range_ps
    if farthest is None and window_ns is not None:
        offset_ns = float(source.provenance.get("coincidence_offset_ns", 0.0))
        farthest = 1e3 * (float(window_ns) + abs(offset_ns))
    elif farthest is None:
        farthest = distance_mm / LIGHT_MM_PER_PS + 2 * settings.ctr_fwhm_ps
    count = 2 * int(np.ceil(max(farthest / width - 0.5, 0))) + 1
    if not (np.diff(energy) > 0).all() or count > 1 << 20:
        raise ConfigError("bins are too many", field="energy_bins, tof_bin_ps", value=count)
    tof_ps = (np.arange(count + 1) - count / 2) * width
    return PairBins(energy, (tof_ps * LIGHT_MM_PER_PS / 2).astype(np.float32))

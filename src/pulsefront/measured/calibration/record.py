"""What a calibration of a point-source measurement says, as it is written to a file.

What is in the measurement decides how it is calibrated:

``"sum"``
    A position set, ``(event, photosensor)``: gains bring the photosensors together, and the peaks
    are looked for in the sum.
``"each"``
    Events of a few detectors, ``(event, channel)``: every channel has its own peaks, and its own
    time offset where there are times.
``"hits"``
    Single hits, or coincidences of them, with a ``channel`` column: as ``"each"``, by channel
    number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError, model_validator

from pulsefront.errors import DataError
from pulsefront.estimators.energy.calibration import EnergyCalibration
from pulsefront.estimators.timing.walk import WalkCorrection
from pulsefront.evaluate.record import Record

__all__ = ["Calibration", "CalibrationSource", "Layout", "PairResolution", "load_calibration"]

Floats = NDArray[np.float64]
Layout = Literal["sum", "each", "hits"]


class CalibrationSource(Record):
    """What a calibration was made from."""

    file: str
    """name of the file"""
    events: int
    """events that took part"""
    channels_with_too_few_events: dict[int, int]
    """events of each channel that was left out"""
    peaks_kev: tuple[float, ...]
    """energies of the peaks that were looked for"""
    pairs_of_channels_in_time: int | None = None
    """pairs of channels that the time offsets come from"""
    doubts: tuple[str, ...] | None = None
    """what speaks against the peaks that were taken; absent where nothing does"""


class PairResolution(Record):
    """Coincidence time resolution of two channels."""

    channels: tuple[int, int]
    """their numbers"""
    events: int
    """events with both energies in the photopeak window"""
    ctr_fwhm_ps: float
    """full width at half maximum of the time difference, offsets and walks taken out"""
    ctr_fwhm_error_ps: float
    """its standard error"""


class Calibration(Record):
    """Energies of channels, their gains or time offsets, and where they come from."""

    format: Literal["pulsefront-calibration"] = "pulsefront-calibration"
    """says what the file is"""
    layout: Layout
    """what was calibrated: the sum of photosensors, each channel of events, or single hits"""
    charge_column: str
    """column of the charges"""
    time_column: str | None
    """column of the times; null where there were none"""
    channels: tuple[int, ...]
    """number of each channel; empty for the sum"""
    energies: tuple[EnergyCalibration, ...]
    """one per channel; a single one for the sum"""
    gains: tuple[float, ...]
    """factors of the photosensors' charges; for the sum only"""
    time_offsets_ns: tuple[float | None, ...]
    """what to subtract from the times of each channel; null where unknown"""
    photopeak_window_sigmas: float
    """half width of the photopeak window in standard deviations of the first peak"""
    provenance: CalibrationSource
    """where it comes from"""
    walk_column: str | None = None
    """column of the amplitudes that the walk is a function of"""
    walks: tuple[WalkCorrection | None, ...] | None = None
    """walk of the times of each channel, to subtract too; null where unknown"""
    resolutions: tuple[PairResolution, ...] | None = None
    """time resolution of pairs of channels with enough photopeak events"""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        one_per_channel = {
            "energies": () if self.layout == "sum" else self.energies,
            "time_offsets_ns": self.time_offsets_ns,
            "walks": self.walks or (),
        }
        for name, values in one_per_channel.items():
            if values and len(values) != len(self.channels):
                raise ValueError(f"{name} must be one per channel")
        if self.layout == "sum" and len(self.energies) != 1:
            raise ValueError("energies must be a single one for the sum")
        return self

    @property
    def offsets_ns(self) -> Floats:
        """(channel,) offsets, NaN where unknown."""
        return np.array(self.time_offsets_ns, np.float64)

    def energy_kev(
        self, charges: NDArray[Any], channel: NDArray[Any] | None = None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return energies, and which of them lie in the photopeak window.

        Parameters
        ----------
        charges
            (event, channel) for ``"sum"`` and ``"each"``; any shape for ``"hits"``.
        channel
            Channel numbers of the hits, same shape.

        Returns
        -------
        energies, inside
            (event,) for ``"sum"``, else the shape of *charges*; NaN and False for a channel that
            was not calibrated.

        Raises
        ------
        DataError
            Another number of channels than was calibrated.
        """
        if self.layout == "sum":
            if charges.ndim != 2 or charges.shape[1] != len(self.gains):
                raise DataError(
                    f"is no (event, {len(self.gains)}) array, which was calibrated",
                    field=self.charge_column,
                    value=charges.shape,
                )
            (fitted,) = self.energies
            energies = fitted.kev(charges @ np.array(self.gains))
            return energies, fitted.in_peak(energies, self.photopeak_window_sigmas)
        if self.layout == "each":
            channel = self._numbers_like(charges)
        if channel is None or channel.shape != charges.shape:
            raise DataError("has no channel number for every charge", field=self.charge_column)
        energies = np.full(charges.shape, np.nan)
        inside = np.zeros(charges.shape, np.bool_)
        for number, fitted in zip(self.channels, self.energies, strict=True):
            here = channel == number
            energies[here] = fitted.kev(charges[here])
            inside[here] = fitted.in_peak(energies[here], self.photopeak_window_sigmas)
        return energies, inside

    def _numbers_like(self, charges: NDArray[Any]) -> NDArray[np.int64]:
        """Return the channel number of every charge of (event,) or (event, channel) charges."""
        columns = charges.shape[1] if charges.ndim == 2 else 1
        if charges.ndim > 2 or max(self.channels) >= columns:
            raise DataError(
                f"has no channel {max(self.channels)}, which was calibrated",
                field=self.charge_column,
                value=charges.shape,
            )
        numbers = np.arange(columns) if charges.ndim == 2 else np.zeros(1, np.int64)
        return np.broadcast_to(numbers, charges.shape)


def load_calibration(path: str | Path) -> Calibration:
    """Read a calibration file.

    Raises
    ------
    DataError
        The file is missing or is no calibration.
    """
    path = Path(path)
    remedy = "make one with pulsefront calibrate"
    try:
        return Calibration.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError("no such file", file=path, remedy="check the path") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DataError(
            f"is no calibration: {first['msg'].lower()}",
            file=path,
            field=".".join(map(str, first["loc"])) or None,
            remedy=remedy,
        ) from None

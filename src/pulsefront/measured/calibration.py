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

import json
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from pulsefront.config import FrozenModel, validate
from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.energy.calibration import EnergyCalibration
from pulsefront.estimators.timing.walk import WalkCorrection

__all__ = ["Calibration", "CalibrationSource", "Layout", "load_calibration"]

Floats = NDArray[np.float64]
Layout = Literal["sum", "each", "hits"]


class CalibrationSource(FrozenModel):
    """What a calibration was made from: file, events that took part, energies looked for."""

    file: str
    events: int
    channels_with_too_few_events: dict[int, int]
    peaks_kev: tuple[float, ...]
    pairs_of_channels_in_time: int | None = None


class Calibration(FrozenModel):
    """Energies of channels, their gains or time offsets, and where they come from.

    Attributes
    ----------
    layout, charge_column, time_column
        What was calibrated, from which charges and which times (None: no times).
    channels
        Number of each channel (``"each"``, ``"hits"``); empty for ``"sum"``.
    energies
        One per channel; a single one for ``"sum"``.
    gains
        (channel,) factors of the charges; ``"sum"`` only.
    time_offsets_ns
        (channel,) to subtract from the times; None where unknown.
    walk_column, walks
        (channel,) walk of the times with the amplitudes of this column, to subtract too; None
        where unknown, empty where it was not asked for.
    photopeak_window_sigmas
        Half width of the photopeak window.
    provenance
        Source file and numbers of events.
    """

    format: Literal["pulsefront-calibration"] = "pulsefront-calibration"
    layout: Layout
    charge_column: str
    time_column: str | None
    channels: tuple[int, ...]
    energies: tuple[EnergyCalibration, ...]
    gains: tuple[float, ...]
    time_offsets_ns: tuple[float | None, ...]
    walk_column: str | None = None
    walks: tuple[WalkCorrection | None, ...] = ()
    photopeak_window_sigmas: float
    provenance: CalibrationSource

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        per_channel = {
            "energies": (self.energies, 1 if self.layout == "sum" else len(self.channels)),
            "time_offsets_ns": (self.time_offsets_ns, len(self.time_offsets_ns and self.channels)),
            "walks": (self.walks, len(self.walks and self.channels)),
        }
        for name, (values, count) in per_channel.items():
            if len(values) != count:
                raise ValueError(f"{name} must be {count}, one per channel")
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

    def as_json(self) -> dict[str, Any]:
        """Return the calibration as plain JSON values, units in the keys.

        What was not asked for is left out, so that earlier versions read the file too.
        """
        content = self.model_dump(mode="json")
        if not self.walks:
            del content["walks"], content["walk_column"]
        if self.provenance.pairs_of_channels_in_time is None:
            del content["provenance"]["pairs_of_channels_in_time"]
        return content


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
        content = json.loads(path.read_text(encoding="utf-8"))
        return validate(Calibration, content, file=path)
    except FileNotFoundError:
        raise DataError("no such file", file=path, remedy="check the path") from None
    except ConfigError as error:
        raise DataError(
            f"is no calibration: {error.problem}", file=path, field=error.field, remedy=remedy
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        raise DataError("is no calibration", file=path, remedy=remedy) from None

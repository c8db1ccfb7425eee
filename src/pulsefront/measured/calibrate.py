"""Calibration of a point-source measurement, and its use on other files of the same detector.

What is in the file decides how it is calibrated:

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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.energy.calibration import (
    NA22_PEAKS_KEV,
    EnergyCalibration,
    calibrate_energy,
    in_photopeak,
)
from pulsefront.estimators.energy.channels import channel_time_offsets, photopeak_gains
from pulsefront.events.container import EventTable, Status
from pulsefront.events.readers.base import EventFile
from pulsefront.progress import Report, silent

__all__ = ["Calibration", "Layout", "calibrate", "charges_by_channel", "collect"]

Floats = NDArray[np.float64]
Layout = Literal["sum", "each", "hits"]

CHARGES = ("charge_adc", "charge_adc_samples", "energy_adc", "energy")
TIMES = (
    "constant_fraction_difference_ns",
    "leading_edge_difference_ns",
    "time_difference_ps",
    "time_difference_ns",
    "constant_fraction_ns",
    "leading_edge_ns",
)
MOST_EVENTS = 1_000_000
LEAST_EVENTS = 200
LEAST_PAIRS = 50
MOST_DETECTORS = 8


@dataclass(frozen=True)
class Calibration:
    """Energies of channels, their gains or time offsets, and where they come from.

    Attributes
    ----------
    layout, column, time
        What was calibrated, from which charges and which times (None: no times).
    channels
        Number of each channel (``"each"``, ``"hits"``); empty for ``"sum"``.
    energies
        One per channel; a single one for ``"sum"``.
    gains
        (channel,) factors of the charges; ``"sum"`` only.
    time_offsets_ns
        (channel,) to subtract from the times; NaN where unknown.
    photopeak_sigmas
        Half width of the photopeak window.
    provenance
        Source file and numbers of events.
    """

    layout: Layout
    column: str
    time: str | None
    channels: tuple[int, ...]
    energies: tuple[EnergyCalibration, ...]
    gains: tuple[float, ...]
    time_offsets_ns: tuple[float, ...]
    photopeak_sigmas: float
    provenance: Mapping[str, Any]

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
        sigmas = (self.photopeak_sigmas, self.photopeak_sigmas)
        if self.layout == "sum":
            if charges.ndim != 2 or charges.shape[1] != len(self.gains):
                raise DataError(
                    f"is no (event, {len(self.gains)}) array, which was calibrated",
                    field=self.column,
                    value=charges.shape,
                )
            energies = self.energies[0].kev(charges @ np.array(self.gains))
            return energies, in_photopeak(energies, self.energies[0], sigmas=sigmas)
        if self.layout == "each":
            columns = charges.shape[1] if charges.ndim == 2 else 1
            if charges.ndim > 2 or max(self.channels) >= columns:
                raise DataError(
                    f"has no channel {max(self.channels)}, which was calibrated",
                    field=self.column,
                    value=charges.shape,
                )
            numbers = np.arange(columns) if charges.ndim == 2 else np.zeros(1, np.int64)
            channel = np.broadcast_to(numbers, charges.shape)
        if channel is None or channel.shape != charges.shape:
            raise DataError("has no channel number for every charge", field=self.column)
        energies = np.full(charges.shape, np.nan)
        inside = np.zeros(charges.shape, np.bool_)
        for number, fitted in zip(self.channels, self.energies, strict=True):
            here = channel == number
            energies[here] = fitted.kev(charges[here])
            inside[here] = in_photopeak(energies[here], fitted, sigmas=sigmas)
        return energies, inside

    def as_json(self) -> dict[str, Any]:
        """Return the calibration as plain JSON values, units in the keys."""
        return {
            "format": "pulsefront-calibration",
            "layout": self.layout,
            "charge_column": self.column,
            "time_column": self.time,
            "channels": list(self.channels),
            "energies": [fitted.as_json() for fitted in self.energies],
            "gains": list(self.gains),
            "time_offsets_ns": [
                None if np.isnan(offset) else offset for offset in self.time_offsets_ns
            ],
            "photopeak_window_sigmas": self.photopeak_sigmas,
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Calibration:
        """Return the calibration that `as_json` wrote.

        Raises
        ------
        DataError
            Something is missing or is no calibration.
        """
        try:
            if content["format"] != "pulsefront-calibration":
                raise KeyError("format")
            if content["layout"] not in get_args(Layout):
                raise KeyError("layout")
            offsets = content["time_offsets_ns"]
            return cls(
                content["layout"],
                str(content["charge_column"]),
                None if content["time_column"] is None else str(content["time_column"]),
                tuple(int(channel) for channel in content["channels"]),
                tuple(EnergyCalibration.from_json(fitted) for fitted in content["energies"]),
                tuple(float(gain) for gain in content["gains"]),
                tuple(np.nan if offset is None else float(offset) for offset in offsets),
                float(content["photopeak_window_sigmas"]),
                dict(content["provenance"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"is no calibration: {error}", field="calibration") from None


def calibrate(
    source: EventFile,
    peaks_kev: Sequence[float] = NA22_PEAKS_KEV,
    *,
    column: str | None = None,
    layout: Layout | None = None,
    time: str | None = None,
    photopeak_sigmas: float = 2.0,
    report: Report = silent,
) -> tuple[Calibration, EventTable]:
    """Calibrate a measurement from its peaks, and its time offsets from coincidences.

    Events with status flags do not take part. Of more than a million events every second, fourth
    … is used, so that memory does not grow with the file.

    Parameters
    ----------
    source
        Charges per event, or per hit.
    peaks_kev
        Energies of the peaks to look for, rising.
    column
        Charges; the first of charge_adc, charge_adc_samples, energy_adc and energy if None.
    layout
        ``"sum"`` where there is a ``stage_position_mm`` or there are more than eight channels,
        ``"hits"`` where there is a channel number per charge, else ``"each"``, if None.
    time
        Times of the channels or their differences; by constant fraction, leading edge or trigger,
        whichever is there first, if None.
    photopeak_sigmas
        Half width of the photopeak window.

    Returns
    -------
    calibration, events
        *events* are those that took part, for figures.

    Raises
    ------
    ConfigError, DataError
        There are no charges, too few events, or no peaks.
    """
    column = column or next((name for name in CHARGES if name in source.quantities), None)
    if column is None or column not in source.quantities:
        waves = "waveform_adc" in source.quantities
        raise DataError(
            "holds no charges to calibrate" if column is None else "holds no such column",
            file=source.path,
            field=column,
            remedy="run pulsefront pickoff --table h5 on it, and calibrate that table"
            if waves
            else f"it holds {', '.join(source.quantities)}",
        )
    if not photopeak_sigmas > 0:
        raise ConfigError("must be positive", field="photopeak_sigmas", value=photopeak_sigmas)
    time = time or next((name for name in TIMES if name in source.quantities), None)
    wanted = [column, "channel", "known_difference_ns", *([time] if time else [])]
    events = collect(source, wanted, report=report)
    decided = layout or _layout(events, column, source)
    gains: tuple[float, ...] = ()
    if decided == "sum":
        factors = photopeak_gains(events[column], least_events=LEAST_EVENTS)
        gains = tuple(factors.tolist())
    charges = charges_by_channel(events, column, decided, gains)
    few = {number: len(values) for number, values in charges.items() if len(values) < LEAST_EVENTS}
    channels = tuple(number for number in charges if number not in few)
    if not channels:
        raise DataError("too few events without flags", file=source.path, value=len(events))
    energies = []
    for number in channels:
        try:
            energies.append(calibrate_energy(charges[number], peaks_kev))
        except DataError as error:
            where = "the charge sum" if decided == "sum" else f"channel {number}"
            raise DataError(f"{where}: {error}", file=source.path, field=column) from None
    provenance = {
        "file": source.path.name,
        "events": len(events),
        "channels_with_too_few_events": few,
        "peaks_kev": [float(peak) for peak in peaks_kev],
    }
    found = Calibration(
        decided,
        column,
        None,
        () if decided == "sum" else channels,
        tuple(energies),
        gains,
        (),
        photopeak_sigmas,
        provenance,
    )
    if decided != "sum" and time is not None:
        offsets, pairs = _time_offsets(events, found, time)
        if pairs:
            provenance["pairs_of_channels_in_time"] = pairs
            found = replace(found, time=time, time_offsets_ns=offsets)
    return found, events


def collect(source: EventFile, names: Sequence[str], *, report: Report = silent) -> EventTable:
    """Return the columns *names* (those that are there) of events without flags, at most a million.

    Every second event is dropped, and again, as they become too many: they come from the whole
    file.
    """
    kept: list[EventTable] = []
    stride, seen, done = 1, 0, 0
    total = source.provenance.get("events") or 0
    for table in source.chunks():
        done += len(table)
        # An energy window of an earlier calibration must not narrow this one's spectrum.
        usable = table.select((table.status & ~np.uint16(Status.OUTSIDE_WINDOW)) == 0)
        there = {name: usable[name] for name in names if name in usable.columns}
        part = EventTable(there, {name: usable.quantities[name] for name in there}, usable.status)
        kept.append(part.select(slice(-seen % stride, None, stride)))
        seen += len(part)
        while sum(map(len, kept)) > MOST_EVENTS:
            kept = [EventTable.concatenate(kept).select(slice(None, None, 2))]
            stride *= 2
        report(done, max(total, done))
    return EventTable.concatenate(kept)


def charges_by_channel(
    events: EventTable, column: str, layout: Layout, gains: Sequence[float]
) -> dict[int, Floats]:
    """Return the charges that are calibrated, by channel number (0 for the sum)."""
    charges = np.asarray(events[column], np.float64)
    if layout == "sum":
        return {0: charges @ np.asarray(gains)}
    if layout == "each":
        columns = charges.reshape(len(charges), -1).T
        return dict(enumerate(columns))
    channel = events["channel"]
    return {int(number): charges[channel == number] for number in np.unique(channel)}


def _layout(events: EventTable, column: str, source: EventFile) -> Layout:
    charges = events[column]
    if charges.ndim > 2:
        raise DataError(
            "is neither (event,) nor (event, channel)",
            file=source.path,
            field=column,
            value=charges.shape,
        )
    if "channel" in events.columns and events["channel"].shape == charges.shape:
        # Events that a digitizer took together have the same channels every time.
        paired = any(name.startswith("time_difference_") for name in source.quantities)
        if charges.ndim == 1 or paired or np.ptp(events["channel"], axis=0).any():
            return "hits"
    many = charges.ndim == 2 and charges.shape[1] > MOST_DETECTORS
    return "sum" if many or "stage_position_mm" in source.quantities else "each"


def _time_offsets(
    events: EventTable, found: Calibration, time: str
) -> tuple[tuple[float, ...], int]:
    """Return the offsets of the channels from their time differences, and from how many pairs."""
    known = events.columns.get("known_difference_ns", np.zeros(len(events)))
    place = {number: index for index, number in enumerate(found.channels)}
    _, inside = found.energy_kev(events[found.column], events.columns.get("channel"))
    rows: list[tuple[int, int, float, float]] = []
    if "_difference_" in time:
        channel = events["channel"]
        if channel.ndim != 2:
            return (), 0
        scale = 1e-3 if time.endswith("_ps") else 1.0
        residual = np.asarray(events[time], np.float64) * scale - known
        both = inside.all(axis=1)
        for i, j in np.unique(channel[both], axis=0).tolist():
            if i not in place or j not in place:
                continue
            here = both & (channel == (i, j)).all(axis=1)
            rows += _offset_row(place[i], place[j], residual[here])
    else:
        times = np.asarray(events[time], np.float64)
        if times.ndim != 2 or found.layout != "each":
            return (), 0
        for i, j in combinations(found.channels, 2):
            both = inside[:, i] & inside[:, j]
            expected = known[both] if (i, j) == (0, 1) else 0.0
            rows += _offset_row(place[i], place[j], times[both, i] - times[both, j] - expected)
    if not rows:
        return (), 0
    offsets = channel_time_offsets(rows, len(found.channels))
    return tuple(offsets.tolist()), len(rows)


def _offset_row(i: int, j: int, difference: Floats) -> list[tuple[int, int, float, float]]:
    """Return the middle of a time difference and its uncertainty; nothing with too few events."""
    near = difference[np.isfinite(difference)]
    for _ in range(10):
        if len(near) < LEAST_PAIRS or i == j:
            return []
        middle = float(np.median(near))
        sigma = 1.4826 * float(np.median(np.abs(near - middle)))
        # Random coincidences lie flat over the window and pull the median to its middle.
        kept = near[np.abs(near - middle) <= max(4 * sigma, 1e-6)]
        if len(kept) == len(near):
            break
        near = kept
    return [(i, j, middle, max(1.2533 * sigma / np.sqrt(len(near)), 1e-9))]

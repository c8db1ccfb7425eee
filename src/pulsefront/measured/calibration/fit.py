"""Calibration of a point-source measurement; its use on other files is in `apply`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.energy.calibration import (
    NA22_PEAKS_KEV,
    EnergyCalibration,
    calibrate_energy,
)
from pulsefront.estimators.energy.channels import channel_time_offsets, photopeak_gains
from pulsefront.estimators.energy.doubts import doubts_of_gains, doubts_of_scale
from pulsefront.events.container import EventTable, Status
from pulsefront.events.readers.base import DataWarning, EventFile
from pulsefront.measured.calibration.channel_times import (
    amplitude_column,
    channel_pairs,
    pair_differences,
    pair_walks,
    without_walk,
)
from pulsefront.measured.calibration.record import Calibration, CalibrationSource, Layout
from pulsefront.measured.calibration.resolution import pair_resolutions
from pulsefront.progress import Report, silent

__all__ = ["calibrate", "charges_by_channel", "collect"]

Floats = NDArray[np.float64]

CHARGES = ("charge_adc", "charge_adc_samples", "energy_adc", "energy")
TIMES = (
    "constant_fraction_difference_ns",
    "leading_edge_difference_ns",
    "time_difference_ps",
    "time_difference_ns",
    "constant_fraction_ns",
    "leading_edge_ns",
)
"""Where none is named, the first of these that is there."""

MOST_EVENTS = 1_000_000
LEAST_EVENTS = 200
MOST_DETECTORS = 8


def calibrate(
    source: EventFile,
    peaks_kev: Sequence[float] = NA22_PEAKS_KEV,
    *,
    column: str | None = None,
    layout: Layout | None = None,
    time: str | None = None,
    walk: bool = False,
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
    walk
        Fit the walk of the times with the height of the pulse too (with the charge where there is
        no ``amplitude_adc``), from all pairs of pulses; offsets are those of corrected times.
    photopeak_sigmas
        Half width of the photopeak window.

    Returns
    -------
    calibration, events
        *events* are those that took part, for figures.

    Raises
    ------
    ConfigError, DataError
        There are no charges, too few events, no peaks, or no pairs of times to fit a walk to.

    Warns
    -----
    DataWarning
        Something speaks against the peaks that were taken; it stands in the calibration too.
    """
    column = _charge_column(source, column)
    if not photopeak_sigmas > 0:
        raise ConfigError("must be positive", field="photopeak_sigmas", value=photopeak_sigmas)
    time = time or next((name for name in TIMES if name in source.quantities), None)
    wanted = [column, "channel", "known_difference_ns", "amplitude_adc", *([time] if time else [])]
    events = collect(source, wanted, report=report)
    if not len(events):
        raise DataError(
            "holds no events" + (" without flags" if source.count else ""), file=source.path
        )
    decided = layout or _layout(events, column, source)
    gains: tuple[float, ...] = ()
    if decided == "sum":
        gains = tuple(photopeak_gains(events[column], least_events=LEAST_EVENTS).tolist())
    charges = charges_by_channel(events, column, decided, gains)
    few = {number: len(values) for number, values in charges.items() if len(values) < LEAST_EVENTS}
    channels = tuple(number for number in charges if number not in few)
    if not channels:
        raise DataError(
            "too few events without flags",
            file=source.path,
            value=len(events),
            remedy=f"at least {LEAST_EVENTS} are needed of a channel"
            + ("" if len(few) < 2 else f", of which the fullest has {max(few.values())}"),
        )
    energies = _energies(charges, channels, decided, peaks_kev, source, column)
    doubts = _doubts(charges, channels, decided, energies)
    for doubt in doubts:
        warnings.warn(f"{source.path}: {doubt}", DataWarning, stacklevel=2)
    found = Calibration(
        layout=decided,
        charge_column=column,
        time_column=None,
        channels=() if decided == "sum" else channels,
        energies=energies,
        gains=gains,
        time_offsets_ns=(),
        photopeak_window_sigmas=photopeak_sigmas,
        provenance=CalibrationSource(
            file=source.path.name,
            events=len(events),
            channels_with_too_few_events=few,
            peaks_kev=tuple(float(peak) for peak in peaks_kev),
            doubts=doubts or None,
        ),
    )
    if decided != "sum" and time is not None:
        found = _with_times(found, events, time, walk=walk)
    if walk and not found.walks:
        raise DataError(
            "holds no pairs of times to fit a walk to",
            file=source.path,
            remedy="pair the hits first with pulsefront coincidences",
        )
    return found, events


def collect(source: EventFile, names: Sequence[str], *, report: Report = silent) -> EventTable:
    """Return the columns *names* (those that are there) of events without flags, at most a million.

    Every second event is dropped, and again, as they become too many: they come from the whole
    file.
    """
    kept: list[EventTable] = []
    stride, seen = 1, 0
    for table in source.reported(report):
        # An energy window of an earlier calibration must not narrow this one's spectrum.
        usable = table.select((table.status & ~np.uint16(Status.OUTSIDE_WINDOW)) == 0)
        there = {name: usable[name] for name in names if name in usable.columns}
        part = EventTable(there, {name: usable.quantities[name] for name in there}, usable.status)
        kept.append(part.select(slice(-seen % stride, None, stride)))
        seen += len(part)
        while sum(map(len, kept)) > MOST_EVENTS:
            kept = [EventTable.concatenate(kept).select(slice(None, None, 2))]
            stride *= 2
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


def _charge_column(source: EventFile, asked: str | None) -> str:
    column = asked or next((name for name in CHARGES if name in source.quantities), None)
    if column is not None and column in source.quantities:
        return column
    waves = "waveform_adc" in source.quantities
    raise DataError(
        "holds no charges to calibrate" if column is None else "holds no such column",
        file=source.path,
        field=column,
        remedy="run pulsefront pickoff --table h5 on it, and calibrate that table"
        if waves
        else f"it holds {', '.join(source.quantities)}",
    )


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


def _energies(
    charges: dict[int, Floats],
    channels: Sequence[int],
    layout: Layout,
    peaks_kev: Sequence[float],
    source: EventFile,
    column: str,
) -> tuple[EnergyCalibration, ...]:
    energies = []
    for number in channels:
        try:
            energies.append(calibrate_energy(charges[number], peaks_kev))
        except DataError as error:
            where = "the charge sum" if layout == "sum" else f"channel {number}"
            raise DataError(f"{where}: {error}", file=source.path, field=column) from None
    return tuple(energies)


def _doubts(
    charges: dict[int, Floats],
    channels: Sequence[int],
    layout: Layout,
    energies: Sequence[EnergyCalibration],
) -> tuple[str, ...]:
    """Return what speaks against the peaks of each channel."""
    names = {n: "the charge sum" if layout == "sum" else f"channel {n}" for n in channels}
    of_each = [
        f"{names[number]}: {doubt}"
        for number, fitted in zip(channels, energies, strict=True)
        for doubt in doubts_of_scale(charges[number], fitted)
    ]
    gains = {number: fitted.gain_kev for number, fitted in zip(channels, energies, strict=True)}
    return (*of_each, *doubts_of_gains(gains, names))


def _with_times(found: Calibration, events: EventTable, time: str, *, walk: bool) -> Calibration:
    """Return the calibration with offsets, and walks if asked for, from pairs of channels."""
    _, inside = found.energy_kev(events[found.charge_column], events.columns.get("channel"))
    amplitude = amplitude_column(events, found.charge_column)
    pairs = list(channel_pairs(events, found.layout, found.channels, time, amplitude, inside))
    changed: dict[str, object] = {}
    if walk and pairs:
        walks = pair_walks(pairs, len(found.channels))
        pairs = without_walk(pairs, walks)
        changed = {"walk_column": amplitude, "walks": walks}
    differences = pair_differences(pairs)
    if not differences:
        return found
    offsets = channel_time_offsets(differences, len(found.channels))
    resolutions = pair_resolutions(pairs, found.channels)
    counted = {"pairs_of_channels_in_time": len(differences)}
    return found.model_copy(
        update={
            **changed,
            "time_column": time,
            "resolutions": resolutions or None,
            "time_offsets_ns": tuple(None if np.isnan(one) else one for one in offsets.tolist()),
            "provenance": found.provenance.model_copy(update=counted),
        }
    )

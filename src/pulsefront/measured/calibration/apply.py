"""A calibration used on a file: energies, photopeak window, equal gains, times without offsets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.pulses.settings import PICKOFFS
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile
from pulsefront.files import hash_file
from pulsefront.measured.calibration.channel_times import sides_of, walk_of
from pulsefront.measured.calibration.record import Calibration

__all__ = ["open_calibrated"]

TIMES = {**{name: (f"{name}_ns",) for name in PICKOFFS}, "time": ("time_ns", "time_ps")}
"""Pickoff whose offsets are known → columns of the times of single channels that carry them."""

TICKS_PER_NS = {"ns": 1.0, "ps": 1000.0}


def open_calibrated(
    source: EventFile, calibration: Calibration, *, calibration_file: str | Path | None = None
) -> EventFile:
    """Return *source* with the calibration used on all its events.

    ``energy_kev`` and ``in_photopeak`` are added, per event for ``"sum"`` and per channel or hit
    otherwise. Events of which not every charge lies in the photopeak window are marked
    `Status.OUTSIDE_WINDOW`; none is left out. With ``"sum"`` the charges are multiplied by the
    gains. Times of channels, and time differences of coincidences, lose the offsets and the walk.

    Raises
    ------
    DataError
        The source lacks the charges that were calibrated, or is calibrated already.
    """
    column = calibration.charge_column
    for name in (column, calibration.walk_column):
        if name is not None and name not in source.quantities:
            raise DataError(
                "lacks the charges that were calibrated",
                file=source.path,
                field=name,
                remedy=f"it holds {', '.join(source.quantities)}",
            )
    if "energy_kev" in source.quantities:
        raise DataError(
            "is calibrated already", file=source.path, field="energy_kev", remedy="use the original"
        )
    quantities = _quantities(source.quantities, calibration)
    provenance: dict[str, Any] = {**source.provenance, "calibration": calibration.to_json()}
    if calibration_file is not None:
        provenance["calibration_file"] = Path(calibration_file).name
        provenance["calibration_sha256"] = hash_file(calibration_file)

    def stream(events: int) -> Iterator[EventTable]:
        for table in source.stream(events):
            columns = dict(table.columns)
            energies, inside = calibration.energy_kev(table[column], table.columns.get("channel"))
            columns["energy_kev"], columns["in_photopeak"] = energies, inside
            if calibration.layout == "sum":
                columns[column] = (table[column] * np.array(calibration.gains)).astype(np.float32)
            if calibration.time_column is not None:
                columns |= _corrected_times(table.columns, calibration)
            status = table.status.copy()
            whole = inside.all(axis=tuple(range(1, inside.ndim)))
            mark(status, np.asarray(~whole), Status.OUTSIDE_WINDOW)
            yield EventTable(columns, quantities, status, provenance)

    return replace(
        source,
        quantities=quantities,
        provenance=provenance,
        event_bytes=source.event_bytes + 16,
        stream=stream,
    )


def _quantities(known: Mapping[str, Quantity], calibration: Calibration) -> dict[str, Quantity]:
    """Return the data dictionary of calibrated events."""
    column, sigmas = calibration.charge_column, calibration.photopeak_window_sigmas
    fits = f"{len(calibration.energies)} fits"
    quantities = {
        **known,
        "energy_kev": Quantity("keV", f"energy, from {column} and {fits}"),
        "in_photopeak": Quantity("1", f"within {sigmas:g} sigma of the first peak"),
    }
    if calibration.layout == "sum":
        told = known[column]
        quantities[column] = Quantity(told.unit, f"{told.description}; brought to one gain")
    if calibration.time_column is not None:
        what = "the offset and walk" if calibration.walks else "the offset"
        for name in (*_time_columns(calibration), *_difference_columns(calibration)):
            if name in quantities:
                told = quantities[name]
                quantities[name] = Quantity(
                    told.unit, f"{told.description}; without {what} of the channel"
                )
    return quantities


def _corrected_times(
    columns: Mapping[str, NDArray[Any]], calibration: Calibration
) -> dict[str, NDArray[Any]]:
    """Return the time columns without offsets and walks of the channels; unknown ones are zero."""
    of_hits = columns.get("channel") if calibration.layout == "hits" else None
    corrected: dict[str, NDArray[Any]] = {}
    for name in _time_columns(calibration):
        times = columns.get(name)
        numbers = None if times is None else _numbers_of(times, of_hits, calibration)
        if times is not None and numbers is not None:
            # Unsigned times minus signed offsets would become floats.
            signed = times.astype(np.int64) if times.dtype.kind == "u" else times
            corrected[name] = signed - _in_unit(
                _shift_ns(numbers, columns, calibration), name, times
            )
    sides = sides_of(columns, calibration.layout, columns[calibration.charge_column])
    if sides is None:
        return corrected
    shift_ns = _shift_ns(sides, columns, calibration)
    for name in _difference_columns(calibration):
        if name in columns:
            ticks = _in_unit(shift_ns, name, columns[name])
            corrected[name] = columns[name] - (ticks[:, 0] - ticks[:, 1])
    return corrected


def _shift_ns(
    numbers: NDArray[np.integer], columns: Mapping[str, NDArray[Any]], calibration: Calibration
) -> NDArray[np.float64]:
    """Return what to subtract from the time of each pulse, given their channels' *numbers*."""
    shift = np.zeros(numbers.shape)
    walks = calibration.walks or (None,) * len(calibration.channels)
    for number, offset, walk in zip(
        calibration.channels, calibration.offsets_ns, walks, strict=True
    ):
        here = numbers == number
        shift[here] = np.nan_to_num(offset)
        if walk is not None and calibration.walk_column is not None:
            shift[here] += walk_of(walk, columns[calibration.walk_column][here])
    return shift


def _stem(calibration: Calibration) -> str:
    return next(stem for stem in TIMES if (calibration.time_column or "time").startswith(stem))


def _time_columns(calibration: Calibration) -> tuple[str, ...]:
    return TIMES[_stem(calibration)]


def _difference_columns(calibration: Calibration) -> tuple[str, ...]:
    return tuple(f"{_stem(calibration)}_difference_{unit}" for unit in TICKS_PER_NS)


def _in_unit(shift_ns: NDArray[np.float64], name: str, times: NDArray[Any]) -> NDArray[Any]:
    """Return offsets in the unit of a column, whole where its times are."""
    ticks = shift_ns * TICKS_PER_NS[name.rsplit("_", 1)[1]]
    return np.rint(ticks).astype(np.int64) if times.dtype.kind in "iu" else ticks


def _numbers_of(
    times: NDArray[Any], of_hits: NDArray[Any] | None, calibration: Calibration
) -> NDArray[np.integer] | None:
    """Return the channel number of every time; None where they are not those of single channels."""
    if of_hits is not None:
        return of_hits if of_hits.shape == times.shape else None
    if times.ndim != 2 or times.shape[1] <= max(calibration.channels):
        return None
    return np.broadcast_to(np.arange(times.shape[1]), times.shape)

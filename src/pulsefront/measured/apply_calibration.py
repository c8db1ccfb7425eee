"""A calibration used on a file: energies, photopeak window, equal gains, times without offsets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile
from pulsefront.files import hash_file
from pulsefront.measured.calibrate import Calibration

__all__ = ["load_calibration", "open_calibrated"]

TIMES = {
    "leading_edge": ("leading_edge_ns",),
    "constant_fraction": ("constant_fraction_ns",),
    "time": ("time_ns", "time_ps"),
}
"""Pickoff whose offsets are known → columns of the times of single channels that carry them."""

TICKS_PER_NS = {"ns": 1.0, "ps": 1000.0}


def load_calibration(path: str | Path) -> Calibration:
    """Read a calibration file.

    Raises
    ------
    DataError
        The file is missing or is no calibration.
    """
    import json

    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = Calibration.from_json(content)
    except FileNotFoundError:
        raise DataError("no such file", file=path, remedy="check the path") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, DataError):
        raise DataError(
            "is no calibration", file=path, remedy="make one with pulsefront calibrate"
        ) from None
    return found


def open_calibrated(
    source: EventFile, calibration: Calibration, *, calibration_file: str | Path | None = None
) -> EventFile:
    """Return *source* with the calibration used on all its events.

    ``energy_kev`` and ``in_photopeak`` are added, per event for ``"sum"`` and per channel or hit
    otherwise. Events of which not every charge lies in the photopeak window are marked
    `Status.OUTSIDE_WINDOW`; none is left out. With ``"sum"`` the charges are multiplied by the
    gains. Times of channels, and time differences of coincidences, lose the offsets.

    Raises
    ------
    DataError
        The source lacks the charges that were calibrated, or is calibrated already.
    """
    column = calibration.column
    if column not in source.quantities:
        raise DataError(
            "lacks the charges that were calibrated",
            file=source.path,
            field=column,
            remedy=f"it holds {', '.join(source.quantities)}",
        )
    if "energy_kev" in source.quantities:
        raise DataError(
            "is calibrated already", file=source.path, field="energy_kev", remedy="use the original"
        )
    sigmas = calibration.photopeak_sigmas
    quantities = {
        **source.quantities,
        "energy_kev": Quantity(
            "keV", f"energy, from {column} and {len(calibration.energies)} fits"
        ),
        "in_photopeak": Quantity("1", f"within {sigmas:g} sigma of the first peak"),
    }
    if calibration.layout == "sum":
        told = source.quantities[column]
        quantities[column] = Quantity(told.unit, f"{told.description}; brought to one gain")
    if calibration.time is not None:
        for name in (*_time_columns(calibration), *_difference_columns(calibration)):
            if name in quantities:
                told = quantities[name]
                quantities[name] = Quantity(
                    told.unit, f"{told.description}; without the offset of the channel"
                )
    provenance: dict[str, Any] = {**source.provenance, "calibration": calibration.as_json()}
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
            if calibration.time is not None:
                _without_offsets(columns, calibration)
            status = table.status.copy()
            whole = inside.reshape(len(inside), -1).all(axis=1)
            mark(status, np.asarray(~whole), Status.OUTSIDE_WINDOW)
            yield EventTable(columns, quantities, status, provenance)

    return EventFile(
        source.path, source.format, quantities, provenance, source.event_bytes + 16, stream
    )


def _without_offsets(columns: dict[str, NDArray[Any]], calibration: Calibration) -> None:
    """Subtract the time offsets of the channels, in place; unknown ones count as zero."""
    offsets = np.nan_to_num(np.array(calibration.time_offsets_ns))
    of_hits = columns.get("channel") if calibration.layout == "hits" else None
    for name in _time_columns(calibration):
        shift = _of_channels(columns.get(name), of_hits, calibration, offsets)
        if shift is not None:
            times = columns[name]
            # Unsigned times minus signed offsets would become floats.
            signed = times.astype(np.int64) if times.dtype.kind == "u" else times
            columns[name] = signed - _in_unit(shift, name, times)
    if of_hits is None or of_hits.ndim != 2:
        return
    shift = _of_channels(of_hits, of_hits, calibration, offsets)
    for name in _difference_columns(calibration):
        if name in columns and shift is not None:
            ticks = _in_unit(shift, name, columns[name])
            columns[name] = columns[name] - (ticks[:, 0] - ticks[:, 1])


def _stem(calibration: Calibration) -> str:
    return next(stem for stem in TIMES if (calibration.time or "time").startswith(stem))


def _time_columns(calibration: Calibration) -> tuple[str, ...]:
    return TIMES[_stem(calibration)]


def _difference_columns(calibration: Calibration) -> tuple[str, ...]:
    return tuple(f"{_stem(calibration)}_difference_{unit}" for unit in TICKS_PER_NS)


def _in_unit(shift_ns: NDArray[np.float64], name: str, times: NDArray[Any]) -> NDArray[Any]:
    """Return offsets in the unit of a column, whole where its times are."""
    ticks = shift_ns * TICKS_PER_NS[name.rsplit("_", 1)[1]]
    return np.rint(ticks).astype(np.int64) if times.dtype.kind in "iu" else ticks


def _of_channels(
    times: NDArray[Any] | None,
    of_hits: NDArray[Any] | None,
    calibration: Calibration,
    offsets: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Return the offset of every time; None where the times are not those of single channels."""
    if times is None:
        return None
    if of_hits is not None:
        if of_hits.shape != times.shape:
            return None
        shift = np.zeros(times.shape)
        for number, offset in zip(calibration.channels, offsets, strict=True):
            shift[of_hits == number] = offset
        return shift
    if times.ndim != 2 or times.shape[1] <= max(calibration.channels):
        return None
    shift = np.zeros(times.shape)
    shift[:, list(calibration.channels)] = offsets
    return shift

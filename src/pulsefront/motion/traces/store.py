"""Traces in HDF5: a dataset for each array, with its unit."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from pulsefront.errors import DataError
from pulsefront.hdf5 import atomic_hdf5
from pulsefront.motion.traces.trace import MotionTrace, TraceFinding

__all__ = ["FORMAT", "is_trace_file", "read_trace", "write_trace"]

FORMAT = "pulsefront motion trace 1"

UNITS = {
    "time_s": ("s", "begin of the interval"),
    "duration_s": ("s", "length of the interval"),
    "counts": ("1", "prompt coincidences"),
    "randoms": ("1", "random coincidences among them, from the delayed window"),
    "centre_mm": ("mm", "centre of distribution of the trues, x, y, z"),
    "spread_mm": ("mm", "standard deviation of the place of one coincidence"),
    "error_mm": ("mm", "standard error of the centre"),
    "views": ("1", "counts of parts of the scanner"),
    "bed": ("1", "number of the position of the bed"),
}


def write_trace(path: str | Path, trace: MotionTrace, breaks: tuple[float, ...] = ()) -> None:
    """Write a trace; *breaks* are the times at which an uninterrupted part ends."""
    with atomic_hdf5(path) as file:
        file.attrs["format"] = FORMAT
        file.attrs["provenance"] = json.dumps(dict(trace.provenance), default=str)
        file.attrs["findings"] = json.dumps([vars(one) for one in trace.findings])
        file.attrs["breaks_s"] = np.array(breaks)
        for name, (unit, description) in UNITS.items():
            values = getattr(trace, name)
            options = {"compression": "gzip", "shuffle": True} if values.size else {}
            dataset = file.create_dataset(name, data=values, **options)
            dataset.attrs["unit"] = unit
            dataset.attrs["description"] = description


def is_trace_file(path: str | Path) -> bool:
    """Return whether a file is a trace of this tool."""
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("format") == FORMAT)
    except OSError:
        return False


def read_trace(path: str | Path) -> tuple[MotionTrace, tuple[float, ...]]:
    """Return a trace, and the times at which its parts end.

    Raises
    ------
    DataError
        The file is damaged, or none of this tool's.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise DataError("is no trace", file=path, remedy="give the file it was made from")
            arrays = {name: np.asarray(file[name][...]) for name in UNITS}
            findings = tuple(TraceFinding(**one) for one in json.loads(file.attrs["findings"]))
            provenance = json.loads(file.attrs["provenance"])
            breaks = tuple(np.asarray(file.attrs["breaks_s"]).tolist())
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"is a damaged trace: {type(error).__name__}", file=path,
                        remedy="make it again from the scan") from None  # fmt: skip
    return MotionTrace(**arrays, findings=findings, provenance=provenance), breaks

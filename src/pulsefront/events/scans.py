"""Point-source sets: the files of a manifest as one labelled stream of events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.events.combine import open_files
from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.light import LIGHT_MM_PER_NS
from pulsefront.events.manifest import Manifest, load_manifest
from pulsefront.events.readers.base import EventFile, ReadOptions, check_same_quantities

__all__ = ["open_scan_set"]

SAME_POSITION_MM = 1e-6

LABELS = {
    "stage_position_mm": Quantity("mm", "nominal x, y of the beam on the entrance face"),
    "stage_uncertainty_mm": Quantity("mm", "standard uncertainty of the source position"),
    "grid_index": Quantity("1", "index (ix, iy) of the stage position on the scan grid"),
    "source_offset_mm": Quantity("mm", "nominal source position from the middle to detector 1"),
    "offset_index": Quantity("1", "number of the source position"),
    "known_difference_ns": Quantity("ns", "expected t0 − t1: 2·source_offset/c"),
    "depth_mm": Quantity("mm", "nominal depth of side irradiation from the entrance face"),
    "run": Quantity("1", "number of the run; names in the provenance"),
    "detector": Quantity("1", "number of the detector; names in the provenance"),
    "source": Quantity("1", "number of the source; names in the provenance"),
    "site": Quantity("1", "number of the site; names in the provenance"),
    "scan": Quantity("1", "number of the line of the manifest"),
}


def open_scan_set(
    path: str | Path,
    *,
    options: ReadOptions | None = None,
    format_name: str | None = None,
) -> EventFile:
    """Open all files of a manifest as one labelled stream of events.

    The events carry the columns of their files and, for a position set, ``stage_position_mm`` and
    ``grid_index``; for a timing set ``source_offset_mm``, ``offset_index`` and
    ``known_difference_ns``; for both the uncertainty of the stage, and run, detector, source and
    scan as numbers whose names are in the provenance. Every file is opened at once, so that a
    missing or damaged one is told before hours of work.

    Parameters
    ----------
    path
        The manifest.
    options, format_name
        How to read the files where the manifest does not say it (a CSV manifest cannot).

    Raises
    ------
    ConfigError
        The manifest cannot be used.
    DataError
        A file is missing or damaged, or holds other quantities than the first.
    """
    path = Path(path)
    manifest = load_manifest(path)
    files = _opened(manifest, path.parent, options or ReadOptions(), format_name)
    first = files[0]
    labels, names = _labels(manifest)
    quantities = {**first.quantities, **{name: LABELS[name] for name in labels}}
    provenance: dict[str, Any] = {
        **first.origin,
        "manifest": path.name,
        "kind": manifest.kind,
        "file": [file.name for scan in manifest.scan for file in scan.files],
        "names": names,
        "durations_s": [scan.duration_s for scan in manifest.scan],
    }

    def stream(events: int) -> Iterator[EventTable]:
        for number, file in enumerate(files):
            for table in file.stream(events):
                columns = {
                    name: np.repeat(values[number : number + 1], len(table), axis=0)
                    for name, values in labels.items()
                }
                yield EventTable({**table.columns, **columns}, quantities, table.status, provenance)

    return EventFile(
        path, f"{manifest.kind}-set", quantities, provenance, first.event_bytes + 64, stream
    )


def _opened(
    manifest: Manifest, folder: Path, given: ReadOptions, format_name: str | None
) -> list[EventFile]:
    """Return the files of each scan as one, all with the same columns and none that is a label."""
    options = replace(
        given,
        sample_interval_ns=manifest.sample_interval_ns or given.sample_interval_ns,
        tag_interval_ns=manifest.tag_interval_ns or given.tag_interval_ns,
        sample_type=given.sample_type if manifest.sample_type == "auto" else manifest.sample_type,
        mapping=folder / manifest.mapping if manifest.mapping else given.mapping,
    )
    files = [
        open_files(
            [folder / file for file in scan.files],
            options,
            format_name=manifest.format or format_name,
            join=manifest.join,
        )
        for scan in manifest.scan
    ]
    check_same_quantities(files, remedy="put it into a manifest of its own")
    clash = sorted(set(LABELS) & set(files[0].quantities))
    if clash:
        raise DataError(
            "the file and the manifest both say it",
            file=files[0].path,
            field=clash[0],
            remedy="rename the column in the mapping file",
        )
    return files


def _labels(manifest: Manifest) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]]]:
    """Return the label columns, one row per scan, and the names behind the numbers."""
    scans = manifest.scan
    names = {
        "run": sorted({scan.run for scan in scans}),
        "detector": sorted({scan.detector_id for scan in scans}),
        "source": sorted({scan.source for scan in scans}),
    }
    labels: dict[str, NDArray[Any]] = {}
    if manifest.kind == "position":
        position_mm = np.array([scan.stage_position_mm for scan in scans], np.float64)
        labels["stage_position_mm"] = position_mm
        index = [_index(position_mm[:, axis]) for axis in range(2)]
        labels["grid_index"] = np.stack(index, axis=1).astype(np.int16)
    else:
        offsets = np.array([scan.source_offset_mm for scan in scans], np.float64)
        labels["source_offset_mm"] = offsets
        labels["offset_index"] = _index(offsets).astype(np.int16)
        labels["known_difference_ns"] = 2.0 * offsets / LIGHT_MM_PER_NS
    labels["stage_uncertainty_mm"] = np.array([scan.stage_uncertainty_mm for scan in scans])
    if scans[0].depth_mm is not None:
        labels["depth_mm"] = np.array([scan.depth_mm for scan in scans], np.float64)
    labels["run"] = np.array([names["run"].index(scan.run) for scan in scans], np.int32)
    labels["detector"] = np.array(
        [names["detector"].index(scan.detector_id) for scan in scans], np.int32
    )
    labels["source"] = np.array([names["source"].index(scan.source) for scan in scans], np.int32)
    if any(scan.site for scan in scans):
        names["site"] = sorted({scan.site for scan in scans})
        labels["site"] = np.array([names["site"].index(scan.site) for scan in scans], np.int32)
    labels["scan"] = np.arange(len(scans), dtype=np.int32)
    return labels, names


def _index(coordinate_mm: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank of each coordinate among the different ones."""
    ordered = np.unique(coordinate_mm)
    new = np.diff(ordered, prepend=-np.inf) > SAME_POSITION_MM
    rank = np.cumsum(new) - 1
    return np.asarray(rank[np.searchsorted(ordered, coordinate_mm)])

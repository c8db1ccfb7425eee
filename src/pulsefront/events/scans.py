"""Point-source sets: a manifest turns a folder of measured files into one labelled set of events.

As TOML::

    kind = "position"                       # or "timing"
    mapping = "charges.toml"                # for tables; relative to the manifest
    sample_interval_ns = 0.5                # where the files lack it

    [[scan]]
    files = ["run1/x00_y00.csv"]            # several: one channel each
    stage_position_mm = [-20.0, -20.0]      # timing: source_offset_mm = -5.0
    stage_uncertainty_mm = 0.02
    source = "Na-22"
    duration_s = 120.0
    detector_id = "block 7"
    run = "2026-11-20 a"

As CSV, a line per scan, with the columns file (several with ``;`` between), stage_x_mm, stage_y_mm
or source_offset_mm, stage_uncertainty_mm, source, duration_s, detector_id, run; ``kind`` follows
from the columns.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pulsefront.config import FrozenModel, load_toml, validate
from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.ingest import Join, open_sources
from pulsefront.events.readers.base import EventFile, ReadOptions, SampleType
from pulsefront.progress import Report, silent

__all__ = ["Manifest", "PointSource", "load_manifest", "open_scan_set"]

LIGHT_MM_PER_NS = 299.792458
SAME_PLACE_MM = 1e-6

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
    "scan": Quantity("1", "number of the line of the manifest"),
}


class PointSource(FrozenModel):
    """One line of a manifest: some files, where the source stood, and what else must be known."""

    files: tuple[Path, ...] = Field(min_length=1)
    stage_position_mm: tuple[float, float] | None = None
    source_offset_mm: float | None = None
    depth_mm: float | None = None
    stage_uncertainty_mm: float = Field(ge=0)
    source: str
    duration_s: float = Field(gt=0)
    detector_id: str
    run: str


class Manifest(FrozenModel):
    """A point-source set. Paths are relative to the manifest.

    ``join`` says how several files of a scan become channels, see
    `pulsefront.events.ingest.combine`; the other options are those of
    `pulsefront.events.readers.base.ReadOptions`.
    """

    kind: Literal["position", "timing"]
    scan: tuple[PointSource, ...] = Field(min_length=1)
    mapping: Path | None = None
    format: str | None = None
    join: Join = "auto"
    sample_interval_ns: float | None = Field(default=None, gt=0)
    tag_interval_ns: float | None = Field(default=None, gt=0)
    sample_type: SampleType = "auto"

    @model_validator(mode="after")
    def _labelled(self) -> Manifest:
        wanted = "stage_position_mm" if self.kind == "position" else "source_offset_mm"
        for number, scan in enumerate(self.scan):
            if getattr(scan, wanted) is None:
                raise ValueError(f"scan {number} lacks {wanted}, which a {self.kind} set needs")
        depths = {scan.depth_mm is None for scan in self.scan}
        if len(depths) > 1:
            raise ValueError("either every scan has a depth_mm or none")
        files = [file for scan in self.scan for file in scan.files]
        twice = sorted({str(file) for file in files if files.count(file) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is listed twice: its events would be in two places")
        return self


def load_manifest(path: str | Path) -> Manifest:
    """Read a manifest, TOML or CSV.

    Raises
    ------
    ConfigError
        The file is missing or is no manifest.
    """
    path = Path(path)
    content = _from_csv(path) if path.suffix.lower() == ".csv" else load_toml(path)
    return validate(Manifest, content, file=path)


def open_scan_set(
    path: str | Path,
    *,
    strict: bool = False,
    options: ReadOptions | None = None,
    format_name: str | None = None,
    report: Report = silent,
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
    strict
        Refuse a damaged file instead of keeping its whole events.
    options, format_name
        How to read the files where the manifest does not say it (a CSV manifest cannot).
    report
        Called with the files opened so far and their number.

    Raises
    ------
    ConfigError
        The manifest cannot be used.
    DataError
        A file is missing or damaged, or holds other quantities than the first.
    """
    path = Path(path)
    manifest = load_manifest(path)
    given = options or ReadOptions()
    reading = replace(
        given,
        strict=strict or given.strict,
        sample_interval_ns=manifest.sample_interval_ns or given.sample_interval_ns,
        tag_interval_ns=manifest.tag_interval_ns or given.tag_interval_ns,
        sample_type=given.sample_type if manifest.sample_type == "auto" else manifest.sample_type,
        mapping=path.parent / manifest.mapping if manifest.mapping else given.mapping,
    )
    files: list[EventFile] = []
    for number, scan in enumerate(manifest.scan):
        sources = [path.parent / file for file in scan.files]
        files.append(
            open_sources(
                sources, reading, format_name=manifest.format or format_name, join=manifest.join
            )
        )
        report(number + 1, len(manifest.scan))
    first = files[0]
    for file in files[1:]:
        if set(file.quantities) != set(first.quantities):
            odd = sorted(set(file.quantities) ^ set(first.quantities))
            raise DataError(
                f"holds other quantities than {first.path.name}",
                file=file.path,
                field=", ".join(odd),
                remedy="put it into a manifest of its own",
            )
    clash = sorted(set(LABELS) & set(first.quantities))
    if clash:
        raise DataError(
            "the file and the manifest both say it",
            file=first.path,
            field=clash[0],
            remedy="rename the column in the mapping file",
        )
    labels, names = _labels(manifest)
    quantities = {**first.quantities, **{name: LABELS[name] for name in labels}}
    provenance: dict[str, Any] = {
        **{name: value for name, value in first.provenance.items() if name != "events"},
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
        places = np.array([scan.stage_position_mm for scan in scans], np.float64)
        labels["stage_position_mm"] = places
        index = [_index(places[:, axis]) for axis in range(2)]
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
    labels["scan"] = np.arange(len(scans), dtype=np.int32)
    return labels, names


def _index(places: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank of each coordinate among the different ones."""
    ordered = np.unique(places)
    new = np.diff(ordered, prepend=-np.inf) > SAME_PLACE_MM
    rank = np.cumsum(new) - 1
    return np.asarray(rank[np.searchsorted(ordered, places)])


def _from_csv(path: Path) -> dict[str, Any]:
    """Return a CSV manifest in the form of the TOML one."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file, skipinitialspace=True))
    except FileNotFoundError:
        raise ConfigError("no such file", file=path, remedy="check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot be read as CSV: {error}", file=path) from None
    if not lines:
        raise ConfigError("holds no scans", file=path)
    columns = {name for name in lines[0] if name}
    if "file" not in columns:
        raise ConfigError(
            "has no column 'file'", file=path, remedy=f"it has {', '.join(sorted(columns))}"
        )
    scans = []
    for line in lines:
        scan: dict[str, Any] = {
            name: value
            for name, value in line.items()
            if name and name not in ("file", "stage_x_mm", "stage_y_mm")
        }
        scan["files"] = [word.strip() for word in (line["file"] or "").split(";")]
        if "stage_x_mm" in columns:
            scan["stage_position_mm"] = [line["stage_x_mm"], line.get("stage_y_mm")]
        scans.append(scan)
    kind = "position" if "stage_x_mm" in columns else "timing"
    return {"kind": kind, "scan": scans}

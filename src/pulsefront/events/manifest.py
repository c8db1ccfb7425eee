"""The manifest of a point-source set: which files, and where the source stood for each.

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
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel, TableCell, load_toml, validate
from pulsefront.errors import ConfigError
from pulsefront.events.combine import Join
from pulsefront.events.readers.base import SampleType

__all__ = ["Manifest", "PointSource", "is_manifest", "load_manifest"]

MOST_TOLD = 30
"""Scans that one line names."""


class PointSource(FrozenModel):
    """One scan of a manifest: some files, where the source stood, and what else must be known."""

    files: tuple[Path, ...] = Field(min_length=1)
    """one file, or one of each channel; relative to the manifest"""
    stage_position_mm: tuple[float, float] | None = None
    """nominal x, y of the beam on the entrance face; position sets need it"""
    source_offset_mm: float | None = None
    """nominal source position from the middle to detector 1; timing sets need it"""
    depth_mm: float | None = None
    """nominal depth of side irradiation from the entrance face"""
    stage_uncertainty_mm: float = Field(ge=0)
    """standard uncertainty of the source position"""
    source: str
    """name of the source"""
    duration_s: float = Field(gt=0)
    """how long it was measured"""
    detector_id: str
    """name of the detector"""
    run: str
    """name of the run: what was measured under one temperature and gain"""
    site: str = ""
    """name of the place where it was measured, where there are several"""


class Manifest(FrozenModel):
    """A point-source set."""

    kind: Literal["position", "timing"]
    """what is learned from it"""
    scan: tuple[PointSource, ...] = Field(min_length=1)
    """the source positions"""
    mapping: Path | None = None
    """mapping file for tables; relative to the manifest"""
    format: str | None = None
    """format of the files; recognised if not given"""
    join: Join = "auto"
    """how several files of a scan become channels; auto and none, or what joins events"""
    sample_interval_ns: float | None = Field(default=None, gt=0)
    """sampling interval, where the files lack it"""
    tag_interval_ns: float | None = Field(default=None, gt=0)
    """tick of the trigger time tag, where needed"""
    sample_type: SampleType = "auto"
    """how WaveDump samples are written"""

    @model_validator(mode="after")
    def _labelled(self) -> Manifest:
        wanted = "stage_position_mm" if self.kind == "position" else "source_offset_mm"
        lacking = [n for n, scan in enumerate(self.scan) if getattr(scan, wanted) is None]
        if lacking:
            told = ", ".join(map(str, lacking[:MOST_TOLD])) + " …" * (len(lacking) > MOST_TOLD)
            words = f"number {told} lacks" if len(lacking) == 1 else f"numbers {told} lack"
            raise ValueError(f"scan: {words} {wanted}, which a {self.kind} set needs")
        depths = {scan.depth_mm is None for scan in self.scan}
        if len(depths) > 1:
            raise ValueError("either every scan has a depth_mm or none")
        files = [file for scan in self.scan for file in scan.files]
        twice = sorted({str(file) for file in files if files.count(file) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is listed twice: its events would have two positions")
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


def is_manifest(path: str | Path) -> bool:
    """Return whether a file is a manifest of scans: TOML, or CSV with the columns of one."""
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return path.suffix.lower() == ".toml"
    try:
        with open(path, encoding="utf-8") as file:
            names = {word.strip() for word in file.readline(4096).split(",")}
    except (OSError, UnicodeDecodeError):
        return False
    return {"file", "run", "detector_id"} <= names


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
            name: _cell(value)
            for name, value in line.items()
            if name and name not in ("file", "stage_x_mm", "stage_y_mm")
        }
        scan["files"] = [word.strip() for word in (line["file"] or "").split(";")]
        if "stage_x_mm" in columns:
            scan["stage_position_mm"] = [
                _cell(line.get(name)) for name in ("stage_x_mm", "stage_y_mm")
            ]
        scans.append(scan)
    kind = "position" if "stage_x_mm" in columns else "timing"
    return {"kind": kind, "scan": scans}


def _cell(value: str | None) -> TableCell | None:
    return None if value is None else TableCell(value)

"""Any other file begun: descriptions, manifests, mappings, boards, settings of firmware."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pulsefront.detector import detector_file, load_material
from pulsefront.errors import ConfigError
from pulsefront.estimators.pulses.settings import PickoffSettings
from pulsefront.events.manifest import Manifest
from pulsefront.events.readers.tables.mapping import TableMapping
from pulsefront.firmware import load_board
from pulsefront.firmware.front_end.settings import load_chain
from pulsefront.qc.backtest.failure_mapping import FailureTables
from pulsefront.studies.files.kinds import kind_of_name
from pulsefront.toml_template import commented_toml

__all__ = [
    "name_from",
    "new_board",
    "new_description",
    "new_failure_tables",
    "new_front_end",
    "new_manifest",
    "new_mapping",
    "new_pickoff",
    "relative_to",
    "require_new",
]

Chosen = dict[str, Any]


def new_description(kind: str, like: str, name: str) -> str:
    """Return a detector or material file with the values and sources of one that ships.

    Parameters
    ----------
    kind
        ``detector`` or ``material``.
    like
        Name or path of the one to begin from.
    """
    found = detector_file(like) if kind == "detector" else load_material(like)
    chosen = {**found.model_dump(mode="json", exclude_unset=True), "name": name}
    heading = (
        f"Begun as a copy of {like}: change what differs, and give every number that you change "
        "its source in the table of sources below it."
    )
    return commented_toml(kind_of_name(kind).model_of({}), chosen, heading=heading)


def new_manifest(
    kind: str, files: Sequence[Path], *, folder: Path, source: str, detector: str
) -> str:
    """Return a manifest of point-source scans: one scan per file, in the order given.

    Files whose names differ in the channel alone, as ``a_wave0.dat`` and ``a_wave1.dat``, are one
    scan. Where a file's name tells the position, as in ``x-12.5_y3.csv`` or ``offset_-20mm.dat``,
    it is taken from there; ``off01`` only counts. The run is the name of the folder that a file
    lies in.

    Parameters
    ----------
    kind
        ``position`` or ``timing``.
    folder
        Where the manifest will lie; files are named relative to it.
    source, detector
        Names of both.

    Raises
    ------
    ConfigError
        There is no such kind.
    """
    if kind not in ("position", "timing"):
        raise ConfigError(
            "no such kind of manifest", field="--labels", value=kind, remedy="position or timing"
        )
    scans = [
        {
            "files": [relative_to(folder, path) for path in scan],
            **_place(kind, _CHANNEL.sub("", scan[0].stem)),
            "stage_uncertainty_mm": 0.1,
            "source": source,
            "duration_s": 60.0,
            "detector_id": detector,
            "run": scan[0].absolute().parent.name,
        }
        for scan in _by_channel(files)
    ]
    heading = (
        "Which files there are, and where the source stood in each. Positions were taken from the "
        "names of the files where they tell; look at them, at uncertainty and duration."
    )
    return commented_toml(Manifest, {"kind": kind, "scan": scans}, heading=heading)


def relative_to(folder: Path, path: Path) -> str:
    """Return *path* as a file in *folder* would name it."""
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()


_CHANNEL = re.compile(r"(?:wave|(?<![a-z])(?:channel|chan|ch|c))[ _]?(\d+)(?![.\d])", re.IGNORECASE)
_NUMBER = r"[ _=]*(-?\d+(?:[.p]\d+)?)(mm)?"


def _by_channel(files: Sequence[Path]) -> list[list[Path]]:
    """Return the files of every scan: those that differ in the number of their channel alone."""
    scans: dict[Path, list[tuple[int, Path]]] = {}
    for path in files:
        found = _CHANNEL.search(path.stem)
        key = path if found is None else path.with_stem(_CHANNEL.sub("*", path.stem, count=1))
        scans.setdefault(key, []).append((-1 if found is None else int(found[1]), path))
    return [[path for _, path in sorted(scan)] for scan in scans.values()]


def _place(kind: str, stem: str) -> Chosen:
    """Return the position that a file's name tells; nothing where it tells none."""

    def number(word: str) -> float | None:
        match = re.search(rf"(?:^|[^a-z])(?:{word}){_NUMBER}", stem, re.IGNORECASE)
        counts = match is not None and match[1][0] == "0" and match[1].isdigit() and not match[2]
        if match is None or (counts and len(match[1]) > 1):
            return None
        return float(match[1].replace("p", "."))

    if kind == "timing":
        offset = number("offset|off|d")
        return {} if offset is None else {"source_offset_mm": offset}
    x, y = number("x"), number("y")
    return {} if x is None or y is None else {"stage_position_mm": [x, y]}


def new_mapping() -> str:
    """Return a mapping file for a table of charges at stage positions."""
    columns: Mapping[str, Any] = {
        "charge_adc": {
            "source": "adc_*",
            "unit": "ADC counts",
            "description": "charge of each photosensor",
        },
        "stage_position_mm": {
            "source": ["stage_x", "stage_y"],
            "unit": "mm",
            "description": "where the stage stood",
        },
    }
    heading = "Which array of a table is what: rename the sources to what pulsefront inspect shows."
    return commented_toml(TableMapping, {"columns": columns}, heading=heading)


def new_failure_tables() -> str:
    """Return a mapping of hourly readings, errors, replaced and failed parts, and machines."""
    timed = {"unit": "machineID", "time": "datetime"}
    values = ["volt", "rotate", "pressure", "vibration"]
    chosen: Mapping[str, Any] = {
        "name": "hourly telemetry",
        "readings": [{"file": "telemetry.csv", **timed, "values": values}],
        "failures": [{"file": "failures.csv", **timed, "component": "failure"}],
        "errors": [{"file": "errors.csv", **timed, "code": "errorID"}],
        "replacements": [{"file": "maint.csv", **timed, "component": "comp"}],
        "machines": {
            "file": "machines.csv", "unit": "machineID", "model": "model", "age_years": "age",
        },
    }  # fmt: skip
    heading = "Which tables of machine failures there are, and what their columns are: rename."
    return commented_toml(FailureTables, chosen, heading=heading)


def new_board(like: str, name: str) -> str:
    """Return a board file with the values of one that ships."""
    board = load_board(like)
    chosen = {**board.model_dump(mode="json"), "name": name}
    return commented_toml(type(board), chosen, heading=f"Begun as a copy of {like}.")


def new_front_end(like: str) -> str:
    """Return settings of a front end with the values of those that ship."""
    chain = load_chain(like)
    chosen = chain.model_dump(mode="json", exclude_none=True)
    return commented_toml(type(chain), chosen, heading=f"Begun as a copy of {like}.")


def new_pickoff() -> str:
    """Return a file of pickoff settings, all at their defaults."""
    chosen = PickoffSettings().model_dump(mode="json", exclude_none=True)
    heading = "How pulses are measured; all values are the defaults."
    return commented_toml(PickoffSettings, chosen, heading=heading)


def name_from(path: Path) -> str:
    """Return a name of small letters, digits and underscores made from a file's."""
    word = re.sub(r"[^a-z0-9_]+", "_", path.stem.lower()).strip("_")
    return word if word[:1].isalpha() else f"study_{word}".rstrip("_")


def require_new(path: Path) -> None:
    """Refuse to write over a file.

    Raises
    ------
    ConfigError
        There is one.
    """
    if path.exists():
        raise ConfigError("exists already", file=path, remedy="name another with --out")

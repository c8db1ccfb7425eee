"""A start of every kind of file: complete, commented, and with values that work."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pulsefront.detector import Detector, detector_file, load_detector, load_material
from pulsefront.errors import ConfigError
from pulsefront.estimators.pulses.settings import PickoffSettings
from pulsefront.events.manifest import Manifest
from pulsefront.events.readers.tables.mapping import TableMapping
from pulsefront.firmware import load_board
from pulsefront.firmware.front_end.settings import load_chain
from pulsefront.qc.backtest.failure_mapping import FailureTables
from pulsefront.simulate.scan.settings import ScanSettings, default_scan, scan_positions
from pulsefront.studies.evaluation.frozen import baselines_of
from pulsefront.studies.evaluation.settings import EvaluationStudy
from pulsefront.studies.files.kinds import kind_of_name
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import STUDY_FILES, kind_of
from pulsefront.studies.kinds.motion.settings import MotionStudy
from pulsefront.studies.load import load_study
from pulsefront.studies.records import TestRecord
from pulsefront.toml_template import commented_toml

__all__ = [
    "name_from",
    "new_board",
    "new_description",
    "new_evaluation",
    "new_failure_tables",
    "new_front_end",
    "new_manifest",
    "new_mapping",
    "new_pickoff",
    "new_study",
    "require_new",
]

Chosen = dict[str, Any]

TRAINING_EVENTS = 160_000
"""Of a scan; our choice, for a first report in minutes."""

TEST_EVENTS = 26_000
"""At positions between those of training; far more than the held-out vectors that are asked for,
since not every event passes the photopeak window."""


def new_study(kind: str, detector: str | None, name: str) -> str:
    """Return a study file for a detector that ships, or for one in a file.

    Parameters
    ----------
    kind
        ``position``, ``timing``, ``crystal`` or ``motion``.
    detector
        Name or path; a motion study has none.
    name
        Of the study.

    Raises
    ------
    ConfigError
        There is no such detector, or it lacks what the kind needs.
    """
    if detector is None or kind == "motion":
        if detector is not None:
            raise ConfigError(
                "has no detector; its scans come from a scanner", field="--detector",
                value=detector, remedy="leave it out",
            )  # fmt: skip
        return commented_toml(
            STUDY_FILES["motion"],
            {"kind": "motion", "name": name, **_motion()},
            heading=_ABOUT_SCANS,
        )
    description = load_detector(detector)
    chosen: Chosen = {"kind": kind, "name": name, "detector": detector}
    chosen |= _timing(description) if kind == "timing" else _scan(kind, description)
    heading = (
        f"A {kind} study of {description.name}. Lines that begin with a # hold the defaults. "
        f"pulsefront check lists what is missing or wrong, pulsefront help KEY tells what a key "
        f"means, pulsefront run runs it."
    )
    return commented_toml(STUDY_FILES[kind], chosen, heading=heading)


_ABOUT_SCANS = (
    "A motion study of simulated heads. Lines that begin with a # hold the defaults. List scans of "
    "your own whose movements are known as [[recorded]], and set the patients of that part to 0. "
    "pulsefront check lists what is missing or wrong, pulsefront help KEY tells what a key means, "
    "pulsefront run runs it."
)


def _motion() -> Chosen:
    """Return simulated scans enough to tune thresholds on, and a short search."""
    short = {"batch": 1024}
    return {
        "simulated": {"patients_train": 60, "patients_selection": 30, "patients_test": 45},
        "search": {
            "max_rounds": 6,
            "network": {"hidden": [32, 16], "weight_bits": 8},
            "float_training": {"epochs": 12.0, "learning_rate": 5e-3, **short},
            "quantized_training": {"epochs": 3.0, "learning_rate": 2e-3, **short},
            "fine_tuning": {"epochs": 0.5, "learning_rate": 1e-3, **short},
            "final_training": {"epochs": 3.0, "learning_rate": 1e-3, **short},
        },
        "budget": {"weight_bytes": 1024},
        "verification": {"held_out_vectors": 5000},
    }


def _scan(kind: str, detector: Detector) -> Chosen:
    """Return a scan with enough events to learn from and to prove, and a short search."""
    _ = detector.charge_readout
    scan = default_scan(detector)
    if kind == "crystal":
        scan = _four_positions_in_each_crystal(detector, scan)
    even, odd = (_positions(scan, parity) for parity in ("events_even_even", "events_odd_odd"))
    grid = scan.light_map
    return {
        "scan": {
            "pitch_mm": scan.pitch_mm,
            "half_extent_mm": scan.half_extent_mm,
            "events_even_even": -(-TRAINING_EVENTS // even),
            "events_odd_odd": -(-TEST_EVENTS // odd),
            "light_map": {
                "pitch_mm": round(grid.pitch_mm, 4),
                "depth_pitch_mm": round(grid.depth_pitch_mm, 4),
                "photons": 10_000,
            },
        },
        "search": _SHORT_SEARCH,
        "budget": {"weight_bytes": 8192},
        "verification": {"held_out_vectors": 5000},
    }


# One wide network and few rounds: a first report in minutes, to be lengthened when it looks right.
_SHORT_SEARCH: Chosen = {
    "max_rounds": 6,
    "network": {"hidden": [48, 24], "weight_bits": 8},
    "float_training": {"epochs": 20.0, "learning_rate": 4e-3},
    "quantized_training": {"epochs": 3.0, "learning_rate": 1e-3},
    "fine_tuning": {"epochs": 0.5, "learning_rate": 1e-3},
    "final_training": {"epochs": 3.0, "learning_rate": 1e-3},
}


def _positions(scan: ScanSettings, parity: str) -> int:
    """Return how many stage positions have one *parity* of indices."""
    none = {"events_even_even": 0, "events_odd_odd": 0, "events_mixed": 0}
    return len(scan_positions(scan.model_copy(update={**none, parity: 1}))[0])


def _four_positions_in_each_crystal(detector: Detector, scan: ScanSettings) -> ScanSettings:
    """Return a scan by a quarter of the crystals' pitch, so that every crystal trains and tests."""
    pitch_mm = min(detector.crystal.element_pitch_mm) / 4
    half_mm = min(detector.crystal.size_mm[:2]) / 2
    steps = int((half_mm - pitch_mm / 2) / pitch_mm)
    return scan.model_copy(update={"pitch_mm": pitch_mm, "half_extent_mm": steps * pitch_mm})


def _timing(detector: Detector) -> Chosen:
    """Return coincidences, and windows that suit the digitizer."""
    digitizer = detector.waveform_digitizer
    baseline = 1
    while 2 * baseline <= min(64, digitizer.pre_trigger_samples):
        baseline *= 2
    # Far enough above the noise not to fire on it, and early on the edge of a photopeak pulse.
    trigger = max(6 * digitizer.noise_adc, 4 * digitizer.counts_per_photoelectron)
    room = digitizer.samples - baseline
    samples = max(1, min(8, room // 2))
    return {
        "coincidences": {
            "offsets_mm": [float(mm) for mm in range(-60, 61, 10)],
            "events_per_offset": 2400,
        },
        "events": {
            "baseline_samples": baseline,
            "trigger_adc": max(1, round(trigger)),
            "samples_before": samples,
            "samples_after": samples,
        },
        "search": {"max_rounds": 8, "network": {"hidden": [16, 8]}, "margin": 0.02},
        "budget": {"weight_bytes": 512},
        "verification": {"held_out_vectors": 5000},
    }


def new_evaluation(development: Path, name: str, *, folder: Path) -> str:
    """Return the file of an evaluation of a finished development study.

    The claim begins as that of its main metric, below that of its best classical estimator; where
    the network did not reach that, as a bound a tenth above what it reached.

    Parameters
    ----------
    development
        Its run directory.
    name
        Of the evaluation.
    folder
        Where the file will lie; the run is named relative to it.

    Raises
    ------
    ConfigError, DataError
        The folder holds no finished run, or no classical estimator that could be frozen.
    """
    if not (development / "study.toml").is_file():
        raise ConfigError(
            "holds no finished development study",
            file=development,
            field="--like",
            remedy="name the directory of a run, such as out/position_lyso_monolithic",
        )
    developed = load_study(development / "study.toml")[0]
    if isinstance(developed, MotionStudy):
        raise ConfigError(
            "is of motion, whose scans an evaluation does not read",
            file=development,
            field="--like",
            remedy="list the scans in a motion study, as [[recorded]] with part = 'test'",
        )
    folders = RunFolders(development / "steps")
    test = kind_of(developed).read_evaluation(folders)
    frozen = [name for name, path in baselines_of(folders).items() if path is not None]
    if not frozen:
        raise ConfigError(
            "keeps no classical estimator that could be frozen",
            file=development,
            field="--like",
            remedy="run the study again with this version",
        )
    key = test.main_metric.key
    best = min(frozen, key=lambda one: test.estimators[one][key].value)
    chosen: Chosen = {
        "study_type": "evaluation",
        "name": name,
        "seed": developed.seed + 1000,
        "purpose": developed.purpose.model_dump(mode="json"),
        "frozen": {"development": _relative(development, folder), "baseline": best},
        "claim": {"metric": key, **_first_claim(test, key, best)},
        # Another seed draws other gains of the channels, as another detector of the type has them.
        "external": [{"name": "another specimen of the detector", "events": 20_000}],
    }
    heading = (
        f"An evaluation of {developed.name}: what is frozen, what is claimed, on which data. All "
        "of it is written down before the data are opened, and holds from then on. Replace the set "
        "by data of your own. pulsefront check tells whether they are enough, pulsefront run runs "
        "it."
    )
    return commented_toml(EvaluationStudy, chosen, heading=heading)


def _first_claim(test: TestRecord, key: str, baseline: str) -> Chosen:
    network = test.estimators["network"][key].value
    if network < test.estimators[baseline][key].value:
        return {"margin_percent": 0.0}
    return {"bound": float(f"{1.1 * network:.3g}")}


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
            "files": [_relative(path, folder) for path in scan],
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


def _relative(path: Path, folder: Path) -> str:
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

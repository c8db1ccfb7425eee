"""A study or an evaluation begun: complete, commented, and with values that work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError
from pulsefront.simulate.scan.settings import ScanSettings, default_scan, scan_positions
from pulsefront.studies.evaluation.frozen import baselines_of
from pulsefront.studies.evaluation.settings import EvaluationStudy
from pulsefront.studies.files.start_inputs import relative_to
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import STUDY_FILES, kind_of
from pulsefront.studies.kinds.motion.settings import MotionStudy
from pulsefront.studies.load import load_study
from pulsefront.studies.records import TestRecord
from pulsefront.toml_template import commented_toml

__all__ = ["new_evaluation", "new_study"]

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
        "frozen": {"development": relative_to(folder, development), "baseline": best},
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

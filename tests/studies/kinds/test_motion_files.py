"""Study files of motion that cannot work say so in a line; faulty scans are named, never motion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsefront.errors import ConfigError, DataError, PulsefrontError
from pulsefront.motion import MotionTrace
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.judge.tune import CLASSICAL, LADDERS
from pulsefront.motion.traces.store import write_trace
from pulsefront.studies.files.early import early_problems
from pulsefront.studies.kinds.motion.data import split, table_of
from pulsefront.studies.kinds.motion.detect import judge, tuned
from pulsefront.studies.kinds.motion.scans import _nearest_rate, all_scans
from pulsefront.studies.kinds.motion.settings import MotionStudy
from pulsefront.studies.load import load_study
from strategies_motion import drifting
from studies_small import shipped

MAPPING = """[columns.time_s]
source = "t"
unit = "s"
description = "as it says"
[columns.centre_mm]
source = ["x", "y", "z"]
unit = "mm"
description = "as it says"
[columns.counts]
source = "n"
unit = "1"
description = "as it says"
"""


def study_of(**given: Any) -> MotionStudy:
    return MotionStudy.model_validate({"kind": "motion", "name": "some", **given})


def listed(path: str, part: str, patient: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "part": part, "patient": patient, **more}


ALL = [listed("a.h5", "train", "A"), listed("b.h5", "selection", "B"), listed("c.h5", "test", "C")]
TWO_MORE = {
    "patients_train": 0, "patients_selection": 0, "patients_test": 1, "duration_s": 300.0,
    "voxel_mm": 20.0, "rates_per_s": [50_000.0],
}  # fmt: skip
"""Two simulated scans to test on."""
ENOUGH = [*ALL, listed("c2.h5", "test", "C")]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"recorded": ALL[:2]}, "no scan is for test"),
        ({"recorded": ALL}, "one scan is for test"),
        ({"simulated": {"patients_selection": 0}}, "no scan is for selection"),
        ({"recorded": [*ENOUGH, listed("a.h5", "train", "A")]}, "a.h5 is listed twice"),
        (
            {"recorded": [*ENOUGH, listed("d.h5", "test", "A")]},
            "patient 'A' is in train and in test",
        ),
        ({"recorded": ENOUGH, "detector": "lyso_pixels_8x8"}, "a motion study needs none"),
        ({"recorded": ENOUGH, "measured": {"path": "m.toml"}}, "listed as"),
        ({"simulated": {"rates_per_s": [10.0]}}, "between 100 and 1e8"),
    ],
)
def test_a_study_that_cannot_work_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        study_of(**given)


def test_an_unknown_key_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(shipped("motion_brain").replace("patients_test", "patient_test"))
    with pytest.raises(ConfigError, match="patients_test"):
        load_study(file)


def test_an_absent_file_is_named_before_any_work(tmp_path: Path) -> None:
    write_trace(tmp_path / "a.h5", drifting(60))
    file = tmp_path / "study.toml"
    scans = "".join(
        f'[[recorded]]\npath = "{one["path"]}"\npart = "{one["part"]}"\npatient = "x{k}"\n'
        for k, one in enumerate(ALL)
    )
    more = "[simulated]\npatients_train = 0\npatients_selection = 0\npatients_test = 1\n"
    file.write_text(f'kind = "motion"\nname = "some"\n{scans}{more}')
    study, _ = load_study(file)
    found = [one for one in early_problems(study, file) if one.field and "path" in one.field]
    assert [(one.problem, one.value, one.line) for one in found] == [
        ("no such file", "b.h5", 8),
        ("no such file", "c.h5", 12),
    ]


def rows(trace: Any, order: np.ndarray | None = None, clock: np.ndarray | None = None) -> str:
    time = trace.time_s if clock is None else clock
    lines = [
        f"{t},{x},{y},{z},{n}"
        for t, (x, y, z), n in zip(time, trace.centre_mm, trace.counts, strict=True)
    ]
    if order is not None:
        lines = [lines[k] for k in order]
    return "t,x,y,z,n\n" + "\n".join(lines) + "\n"


FAULT_S = {
    "order.csv": 105.0,
    **dict.fromkeys(("gap.h5", "no_counts.h5", "bed.h5", "dead.h5", "reset.csv"), 240.0),
    **dict.fromkeys(("train.h5", "selection.h5", "good.h5"), 150.0),
}
"""When what is no motion happens, or he moves in full sight."""


def faulty(folder: Path) -> dict[str, str]:
    """Write a scan for every fault that is no motion; return file → how it must be called."""
    moved = ((240, (3.0, 0.0, 0.0)),)
    whole = drifting(480, seed=2, steps=moved)
    # He also moves while nothing is recorded.
    write_trace(folder / "gap.h5", whole.select((whole.time_s < 230) | (whole.time_s >= 260)))
    counts = whole.counts.copy()
    counts[235:250] = 0.0
    write_trace(folder / "no_counts.h5", replace(whole, counts=counts))
    bed = (whole.time_s >= 240).astype(np.int64)
    write_trace(folder / "bed.h5", replace(drifting(480, seed=5, steps=moved), bed=bed))
    dead = drifting(480, seed=3, views=8, steps=moved)
    dead.views[240:, 2] *= 0.02
    write_trace(folder / "dead.h5", dead)
    still = drifting(480, seed=4)
    order = np.arange(480)
    order[100:110] = order[100:110][::-1]
    (folder / "mapping.toml").write_text(MAPPING)
    (folder / "order.csv").write_text(rows(still, order))
    reset = np.where(whole.time_s < 240, whole.time_s, whole.time_s - 240)
    (folder / "reset.csv").write_text(rows(whole, clock=reset))
    return {
        "gap.h5": "gap",
        "no_counts.h5": "no counts",
        "bed.h5": "bed change",
        "dead.h5": "dead channels",
        "order.csv": "times out of order",
        "reset.csv": "clock reset",
    }


def test_faults_are_named_and_never_motion(tmp_path: Path) -> None:
    names = faulty(tmp_path)
    for part in ("train", "selection"):
        known = drifting(300, seed=len(part), steps=((150, (4.0, 0.0, 0.0)),))
        write_trace(tmp_path / f"{part}.h5", known)
    move = [{"start_s": 150.0, "duration_s": 0.5, "shift_mm": [4.0, 0.0, 0.0]}]
    good = drifting(300, seed=19, steps=((150, (4.0, 0.0, 0.0)),))
    write_trace(tmp_path / "good.h5", good)
    mapping = {"mapping": "mapping.toml"}
    study = study_of(
        recorded=[
            listed("train.h5", "train", "a", moves=move),
            listed("selection.h5", "selection", "b", moves=move),
            listed("good.h5", "test", "c", moves=move),
            *(
                listed(name, "test", "d", **(mapping if name.endswith("csv") else {}))
                for name in names
            ),
        ]
    )
    scans = all_scans(study, tmp_path)
    found = {scan.name: {finding.kind for finding in scan.findings} for scan in scans}
    for name, kind in names.items():
        assert kind in found[name], name
    assert found["good.h5"] == set()
    for scan in scans:
        for name, detect in CLASSICAL.items():
            at = LADDERS[name][-1]
            steps = [step for trace in scan.stretches for step in detect(trace, at)]
            near = [step for step in steps if abs(step.time_s - FAULT_S[scan.name]) < 40]
            if scan.name in names:
                assert near == [], (scan.name, name)
            else:
                assert len(near) >= 1, (scan.name, name)
    record = split(table_of(study, scans)).record
    assert {one.finding for one in record.findings} >= set(names.values())
    assert record.excluded_by_split["cut_away"] >= 15


def test_a_movement_beside_a_cut_counts_for_nothing(tmp_path: Path) -> None:
    whole = drifting(480, seed=2, steps=((240, (3.0, 0.0, 0.0)),))
    write_trace(tmp_path / "gap.h5", whole.select((whole.time_s < 230) | (whole.time_s >= 260)))
    moves = [{"start_s": when, "shift_mm": [3.0, 0.0, 0.0]} for when in (228.0, 240.0, 262.0)]
    study = study_of(
        simulated=TWO_MORE,
        recorded=[
            listed("gap.h5", "test", "c", moves=moves),
            *(listed(f"{p}.h5", p, p) for p in ("train", "selection")),
        ],
    )
    for k, part in enumerate(("train", "selection")):
        write_trace(tmp_path / f"{part}.h5", drifting(60, seed=k))
    scan = all_scans(study, tmp_path)[0]
    assert [scan.can_judge(move) for move in scan.moves] == [False] * 3
    assert judge(scan, lambda trace: CLASSICAL["bayes"](trace, 0.0)).moves == ()


@pytest.mark.parametrize(
    ("trace", "moves", "words"),
    [
        (drifting(10), [], "no part that can be looked at"),
        (drifting(60), [{"start_s": 99.0, "shift_mm": [1.0, 0, 0]}], "lies outside the scan"),
        (drifting(60, seed=1), [], "is the same scan as train.h5"),
    ],
)
def test_a_scan_that_teaches_nothing_is_refused(
    tmp_path: Path, trace: Any, moves: list[Any], words: str
) -> None:
    for k, part in enumerate(("train", "selection"), 1):
        write_trace(tmp_path / f"{part}.h5", drifting(60, seed=k))
    write_trace(tmp_path / "test.h5", trace)
    study = study_of(
        simulated=TWO_MORE,
        recorded=[
            listed("train.h5", "train", "a"),
            listed("selection.h5", "selection", "b"),
            listed("test.h5", "test", "c", moves=moves),
        ],
    )
    with pytest.raises(DataError, match=words):
        all_scans(study, tmp_path)


def test_parts_without_a_step_are_refused(tmp_path: Path) -> None:
    for k, part in enumerate(("train", "selection", "test"), 1):
        write_trace(tmp_path / f"{part}.h5", drifting(60, seed=k))
    recorded = [listed(f"{p}.h5", p, p) for p in ("train", "selection", "test")]
    study = study_of(simulated=TWO_MORE, recorded=recorded)
    with pytest.raises(PulsefrontError, match="no interval with a step"):
        split(table_of(study, all_scans(study, tmp_path)))


def test_the_lowest_quiet_threshold_is_taken_and_the_next_one_told(tmp_path: Path) -> None:
    for k, part in enumerate(("train", "selection", "test"), 1):
        write_trace(tmp_path / f"{part}.h5", drifting(300, seed=k))
    write_trace(tmp_path / "more.h5", drifting(300, seed=4))
    study = study_of(
        recorded=[
            *(listed(f"{p}.h5", p, p) for p in ("train", "selection", "test")),
            listed("more.h5", "test", "test"),
        ]
    )
    (scan,) = (one for one in all_scans(study, tmp_path) if one.part == "selection")

    def splits(trace: MotionTrace, threshold: float) -> list[CentreStep]:
        """Split twice below 2, once below 3, and never above: 4 and 2 in 10 minutes."""
        count = 2 if threshold < 2 else int(threshold < 3)
        return [CentreStep(50.0 + 99 * k, 60.0 + 99 * k, (1.0, 0.0, 0.0), (0.1,) * 3, 9.0)
                for k in range(count)]  # fmt: skip

    choice = tuned(splits, (1.0, 2.0, 2.5, 3.0, 4.0, 5.0), [scan], 0.85)
    assert [rung.threshold for rung in choice.tried] == [1.0, 2.0, 2.5, 3.0, 4.0]
    assert [round(rung.worst_per_10_min) for rung in choice.tried] == [4, 2, 2, 0, 0]
    assert choice.threshold == 3.0
    assert tuned(splits, (1.0, 2.0), [scan], 0.85).threshold == 2.0


def test_recorded_scans_of_like_rates_are_counted_together() -> None:
    assert [_nearest_rate(rate) for rate in (0.0, 1_900.0, 2_100.0, 61_000.0, 199_000.0)] == [
        0.0, 2_000.0, 2_000.0, 50_000.0, 200_000.0,
    ]  # fmt: skip

"""Splits of measured sets share nothing that they were asked to keep apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, DataError
from pulsefront.evaluate.splits import check_leaks
from pulsefront.events.scans import open_scan_set
from pulsefront.measured.scans import connected_groups, split_scan_set
from toys_measured import position_set, timing_set


def test_no_run_is_shared_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    table = open_scan_set(position_set(tmp_path, runs=4)).read()
    split, report = split_scan_set(table, seed=1, apart=("run",))
    runs = [set(table["run"][index].tolist()) for index in split.parts().values()]
    assert all(runs)
    assert not runs[0] & runs[1]
    assert not runs[0] & runs[2]
    assert not runs[1] & runs[2]
    assert report.passed
    kept = sum(len(index) for index in split.parts().values())
    assert kept + sum(split.excluded.values()) == len(table)
    assert split.excluded["run belongs to another part"] > 0


def test_detectors_that_share_runs_go_together(tmp_path: Path) -> None:
    table = open_scan_set(position_set(tmp_path, runs=6, size=3, detectors=3)).read()
    split, report = split_scan_set(table, seed=1, apart=("run", "detector"))
    for name in ("run", "detector"):
        sets = [set(table[name][index].tolist()) for index in split.parts().values()]
        assert sum(map(len, sets)) == len(set.union(*sets))
    assert report.passed
    with pytest.raises(DataError, match="too few groups"):
        split_scan_set(table.select(table["detector"] < 2), seed=1, apart=("detector",))


def test_neighbours_of_training_positions_are_left_out(tmp_path: Path) -> None:
    table = open_scan_set(position_set(tmp_path, runs=1)).read()
    near, _ = split_scan_set(table, seed=1, apart=(), least_distance_mm=2.0)
    far, report = split_scan_set(table, seed=1, apart=(), least_distance_mm=2.5)
    # Positions with one odd index lie 2 mm from training, those with two 2.83 mm.
    assert len(near.test) + len(near.selection) > len(far.test) + len(far.selection) > 0
    assert report.minimum_distance_mm == pytest.approx(2 * 2**0.5)
    with pytest.raises(DataError, match="empty"):
        split_scan_set(table, seed=1, apart=(), least_distance_mm=3.0)


def test_a_leak_is_seen(tmp_path: Path) -> None:
    table = open_scan_set(position_set(tmp_path, runs=1)).read()
    split, _ = split_scan_set(table, seed=1, apart=())
    leaky = check_leaks(
        split, positions_mm=table["stage_position_mm"], groups={"run": table["run"]}
    )
    assert not leaky.passed
    with pytest.raises(ConfigError, match="kept apart"):
        split_scan_set(table, seed=1, apart=("day",))


def test_timing_sets_split_by_offset(tmp_path: Path) -> None:
    table = open_scan_set(timing_set(tmp_path, tuple(np.linspace(-10, 10, 9)))).read()
    split, report = split_scan_set(table, seed=1, apart=("run",))
    assert report.passed
    assert set(table["offset_index"][split.train].tolist()) == {0, 2, 4, 6, 8}


LABELS = st.integers(1, 3).flatmap(
    lambda kinds: st.lists(st.tuples(*[st.integers(0, 6)] * kinds), min_size=1, max_size=25)
)


@given(LABELS)
def test_groups_are_what_is_tied_by_any_label(rows: list[tuple[int, ...]]) -> None:
    labels = [np.array(column) for column in zip(*rows, strict=True)]
    groups = list(range(len(rows)))
    for _ in rows:
        for a, left in enumerate(rows):
            for b, right in enumerate(rows):
                if any(x == y for x, y in zip(left, right, strict=True)):
                    groups[a] = groups[b] = min(groups[a], groups[b])
    found = connected_groups(labels).tolist()
    # The same partition, numbered by the smallest label of the first kind.
    smallest = {
        g: min(row[0] for row, h in zip(rows, groups, strict=True) if h == g) for g in groups
    }
    ranks = {g: n for n, g in enumerate(sorted(smallest, key=smallest.__getitem__))}
    assert found == [ranks[g] for g in groups]

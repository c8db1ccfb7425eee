"""A leaked split, shuffled labels and a baseline tuned on the test set: caught, and named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.evaluate import Split
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.studies.blind import (
    refuse_copies,
    refuse_unblinded,
    tuned_blind,
    without_test_labels,
)
from pulsefront.studies.folders import RunFolders, SplitEvents, read_split
from pulsefront.studies.kinds import kind_of, scan
from pulsefront.studies.kinds.base import BaselineEstimator
from pulsefront.studies.kinds.position.kind import PositionKind
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.load import load_study
from studies_small import POSITION_CHANGES, small
from toys_estimators import light_events


@pytest.fixture(scope="module")
def events() -> EventTable:
    return light_events(3000)


@pytest.fixture(scope="module")
def kind(tmp_path_factory: pytest.TempPathFactory) -> PositionKind:
    path = tmp_path_factory.mktemp("leaks") / "study.toml"
    path.write_text(small("position_lyso_monolithic", POSITION_CHANGES))
    study, _ = load_study(path)
    assert isinstance(study, PositionStudy)
    return PositionKind(study)


def test_a_split_by_events_is_a_leak_of_positions(
    events: EventTable, kind: PositionKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_events(_: PositionStudy, good: EventTable) -> Split:
        order = np.random.default_rng(1).permutation(len(good))
        train, selection, test = np.array_split(order, 3)
        return Split(train, selection, test, {})

    assert kind.split(events).record.leak_test_passed
    monkeypatch.setattr(scan, "_split_positions", by_events)
    with pytest.raises(DataError, match="positions of train and selection: the split leaks"):
        kind.split(events)


def test_events_that_stand_in_two_parts_under_other_labels_are_a_leak(
    events: EventTable, kind: PositionKind
) -> None:
    parts = kind.split(events).parts
    refuse_copies(parts.events, parts.split)
    charges = parts.events["charge_adc"].copy()
    test, train = parts.split.test, parts.split.train
    copied = test[: len(test) // 20]
    charges[copied] = charges[train[: len(copied)]]
    leaky = parts.events.with_columns({"charge_adc": charges}, {})
    with pytest.raises(DataError, match=rf"the split leaks: {len(copied)} of {len(test)} test"):
        refuse_copies(leaky, parts.split)


def test_shuffled_positions_are_named(events: EventTable, kind: PositionKind) -> None:
    order = np.random.default_rng(2).permutation(len(events))
    labels = {n: events[n][order] for n in ("stage_position_mm", "grid_index")}
    with pytest.raises(DataError, match="the light does not follow the stated positions"):
        kind.split(events.with_columns(labels, {}))


def test_shuffled_offsets_are_named(timing_run: Path) -> None:
    kind = kind_of(load_study(timing_run / "study.toml")[0])
    events = store.read(timing_run / "steps/data/events.h5")
    # Of few events the slope may be told as a tenth instead of none.
    order = np.random.default_rng(1).permutation(len(events))
    names = ("source_offset_mm", "offset_index", "known_difference_ns")
    labels = {name: events[name][order] for name in names}
    with pytest.raises(DataError, match="they do not follow the offsets"):
        kind.split(events.with_columns(labels, {}))


def test_a_baseline_tuned_on_test_events_is_named(
    events: EventTable, kind: PositionKind, tmp_path: Path
) -> None:
    parts = kind.split(events).parts
    split = parts.split
    for leaky in (
        replace(split, selection=split.test),
        replace(split, train=np.concatenate([split.train, split.test])),
    ):
        with pytest.raises(DataError, match=r"Anger logic: .*labels of test events are hidden"):
            tuned_blind(kind, SplitEvents(parts.events, leaky), RunFolders(tmp_path))


def test_times_fitted_to_test_events_are_named(timing_run: Path) -> None:
    folders = RunFolders(timing_run / "steps")
    kind = kind_of(load_study(timing_run / "study.toml")[0])
    parts = read_split(folders)
    split = parts.split
    leaky = replace(split, train=np.concatenate([split.train, split.test]))
    with pytest.raises(DataError, match=r"leading edge: .*labels of test events are hidden"):
        tuned_blind(kind, SplitEvents(parts.events, leaky), folders)


def test_an_estimator_that_does_not_look_at_its_labels_is_still_named() -> None:
    def baseline(scores: list[float], estimates: list[float]) -> BaselineEstimator:
        table = tuple({"k": k, "median_error_3d_mm": score} for k, score in enumerate(scores))
        return BaselineEstimator("plug-in", np.array(estimates), {"k": 0}, table, None)

    refuse_unblinded([baseline([1.2, float("nan")], [0.0, 1.0])])
    for scores, estimates in (([float("nan")] * 2, [0.0]), ([1.0, 2.0], [float("nan")])):
        with pytest.raises(DataError, match=r"plug-in.*fit and tune on training"):
            refuse_unblinded([baseline(scores, estimates)])


def test_nothing_but_the_labels_of_test_events_is_hidden(
    events: EventTable, kind: PositionKind
) -> None:
    parts = kind.split(events).parts
    blind = without_test_labels(parts)
    test, rest = parts.split.test, np.concatenate([parts.split.train, parts.split.selection])
    for name in parts.events.columns:
        np.testing.assert_array_equal(blind.events[name][rest], parts.events[name][rest])
    for name in ("stage_position_mm", "first_interaction_mm", "depth_mm"):
        assert np.isnan(blind.events[name][test]).all()
    assert (blind.events["element"][test] == -1).all()
    np.testing.assert_array_equal(blind.events["charge_adc"], parts.events["charge_adc"])

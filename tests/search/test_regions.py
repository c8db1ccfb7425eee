"""Networks of regions in a search: which are tried, how they are judged, and what is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import PulsefrontError
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.networks.regions import training
from pulsefront.networks.regions.settings import RegionNetworkSettings
from pulsefront.networks.settings import LossSettings, TrainingSettings
from pulsefront.search.regions import region_cost, search_regions
from pulsefront.search.residual_metrics import median_distance
from pulsefront.search.task import OtherEvents, Task

SHORT = TrainingSettings(epochs=20, batch=64, learning_rate=1.5e-2)
SETTINGS = RegionNetworkSettings(
    counts=(4, 1),
    hidden=(6,),
    shared_training=SHORT,
    region_training=SHORT.model_copy(update={"learning_rate": 7e-3}),
    quantized_training=SHORT.model_copy(update={"epochs": 5, "learning_rate": 2e-3}),
)
KEPT = np.array([0, 1, 3, 4, 5])


def toy_task() -> Task:
    """Return x, y and depth; what tells the depth has another sign in each half; 2 is noise."""
    rng = np.random.default_rng(3)
    xy = rng.uniform(-8.0, 8.0, (3000, 2))
    depth = rng.uniform(0.0, 16.0, 3000)
    told = np.sign(xy) * (depth[:, None] - 8.0)
    noise = rng.normal(0.0, 1.0, (3000, 2))
    bent = np.column_stack([xy, noise[:, 0], told, xy.sum(1) + noise[:, 1]])
    raw = np.rint(bent * 20.0 + rng.normal(0.0, 1.0, bent.shape))
    return Task(
        name="toy",
        inputs=raw.astype(np.int64),
        targets=np.column_stack([xy, depth]),
        train=np.arange(2400),
        selection=np.arange(2400, 3000),
        input_format=FixedPointFormat(10, 10),
        output_format=FixedPointFormat(14, 6),
        loss=LossSettings(),
        metric=median_distance,
        metric_name="median_error_3d_mm",
    )


TASK = toy_task()


def full_outputs(error: float) -> np.ndarray:
    """Return what three networks of errors of *error* say on selection events."""
    known = TASK.targets[TASK.selection]
    rng = np.random.default_rng(4)
    return np.stack([known + rng.normal(0.0, error, known.shape) for _ in range(3)])


def found_with(error: float, **options):
    given = {"margin": 0.05, "seed": 1, "settings": SETTINGS, "task": TASK, **options}
    task, settings = given.pop("task"), given.pop("settings")
    return search_regions(task, settings, KEPT, full_outputs(error), **given)


@pytest.fixture(scope="module")
def beside_a_poor_network():
    return found_with(2.0)


def test_every_number_of_regions_is_tried_that_without_regions_first(beside_a_poor_network):
    found = beside_a_poor_network
    one, four = found.trials
    assert (one.regions, four.regions) == (1, 4)
    assert one.over_one is None
    # four regions do better than one, by the same test on the same events
    assert four.over_one is not None
    assert four.over_one.high < 0.0
    assert np.mean(four.metric) < np.mean(one.metric)
    assert four.cost.weight_bytes > 3 * one.cost.weight_bytes
    assert four.cost.macs - one.cost.macs == 5 * 2 + 2 * 4
    assert found.inputs.tolist() == KEPT.tolist()
    assert {model.inputs[0].shape for model in found.models} == {(5,)}


def test_the_fewest_bytes_that_are_not_inferior_are_chosen(beside_a_poor_network):
    found = beside_a_poor_network
    assert all(trial.non_inferior for trial in found.trials)
    assert [trial.accepted for trial in found.trials] == [True, False]
    assert region_cost(found.models).weight_bytes == found.trials[0].cost.weight_bytes
    metric = found.trials[found.chosen].metric
    assert metric[found.best] == min(metric)


def test_where_all_are_inferior_the_least_harmful_one_is_told(beside_a_poor_network, monkeypatch):
    trained = {1: beside_a_poor_network.groups[0], 4: beside_a_poor_network.groups[1]}
    monkeypatch.setattr(
        training, "train_regions", lambda given, settings, count, *a, **k: trained[count]
    )
    found = found_with(0.001)
    assert not any(trial.non_inferior for trial in found.trials)
    assert [trial.accepted for trial in found.trials] == [False, True]


def test_a_training_without_a_number_is_marked_and_the_others_stay(
    beside_a_poor_network, monkeypatch
):
    good = beside_a_poor_network.groups[1]

    def sometimes(given, settings, count, *more, **options):
        return [None, *good[1:]] if count == 1 else good

    monkeypatch.setattr(training, "train_regions", sometimes)
    found = found_with(2.0)
    assert [trial.diverged for trial in found.trials] == [True, False]
    assert found.trials[0].metric == (np.inf,) * 3
    assert found.trials[1].over_one is None
    assert found.trials[found.chosen].regions == 4
    monkeypatch.setattr(training, "train_regions", lambda *a, **k: [None] * 3)
    with pytest.raises(PulsefrontError, match=r"every network of regions diverged.*learning rate"):
        found_with(2.0)


def test_a_search_that_was_killed_trains_nothing_twice_in_any_number_of_threads(
    tmp_path, monkeypatch
):
    one = SETTINGS.model_copy(
        update={"counts": (3,), "shared_training": SHORT.model_copy(update={"epochs": 1})}
    )
    first = found_with(2.0, settings=one, checkpoint=tmp_path)
    other = found_with(2.0, settings=one, threads=2)
    assert other.trials == first.trials
    monkeypatch.setattr(training, "train_regions", lambda *a, **k: pytest.fail("trained again"))
    again = found_with(2.0, settings=one, checkpoint=tmp_path, threads=2)
    assert again.trials == first.trials
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        found_with(2.0, settings=one, checkpoint=tmp_path, seed=2)


def test_events_of_other_detectors_train_with_their_own_inputs(monkeypatch):
    seen = {}

    def look(given, settings, count, seeds, *, name, mapper):
        seen["inputs"], seen["data"] = given.inputs, given.data
        return [None] * len(seeds)

    monkeypatch.setattr(training, "train_regions", look)
    beside = replace(TASK, train=np.arange(900), others=OtherEvents(np.arange(900, 1800), 0.5))
    with pytest.raises(PulsefrontError):
        found_with(2.0, task=beside)
    assert len(seen["inputs"]) == len(seen["data"]) == 1350
    scaling = seen["data"].scaling
    standard = (seen["inputs"] - scaling.input_mean) / scaling.input_scale
    np.testing.assert_allclose(seen["data"].inputs, standard, rtol=1e-4, atol=1e-5)

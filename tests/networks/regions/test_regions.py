"""Networks of regions: where events are sent, what is trained there, and the integers of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pulsefront.errors import ConfigError
from pulsefront.fixed_point import ChosenDense, FixedPointFormat
from pulsefront.networks.candidate import Candidate, initial_candidate
from pulsefront.networks.deploy import deploy, run_float64
from pulsefront.networks.lower import lower_deployed
from pulsefront.networks.regions import training
from pulsefront.networks.regions.coarse import coarse_stage
from pulsefront.networks.regions.lower import lower_regions
from pulsefront.networks.regions.settings import RegionNetworkSettings
from pulsefront.networks.regions.training import RegionData, in_common_formats, train_regions
from pulsefront.networks.settings import LossSettings, TrainingSettings
from pulsefront.networks.training import prepare, repeatable

COUNTS, OUTPUT = FixedPointFormat(10, 10), FixedPointFormat(14, 6)
SHORT = TrainingSettings(epochs=20, batch=64, learning_rate=1.5e-2)
SETTINGS = RegionNetworkSettings(
    hidden=(4,),
    shared_training=SHORT,
    region_training=SHORT.model_copy(update={"learning_rate": 7e-3}),
    quantized_training=SHORT.model_copy(update={"epochs": 5, "learning_rate": 2e-3}),
)


def toy(events: int = 3000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return six charges and x, y, depth that are bent differently in the four quarters."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-8.0, 8.0, (events, 2))
    depth = rng.uniform(0.0, 16.0, events)
    quarter = np.sign(xy[:, :1]) * np.sign(xy[:, 1:])
    bent = np.column_stack([xy, np.abs(xy), quarter * xy])
    raw = np.rint(bent * 20.0 + depth[:, None] * 3.0 + rng.normal(0.0, 1.0, bent.shape))
    return raw.astype(np.int64), np.column_stack([xy, depth])


RAW, TARGETS = toy()
DATA = prepare(RAW, TARGETS, COUNTS, LossSettings())
GIVEN = RegionData(RAW, COUNTS, OUTPUT, DATA)


def error(model, raw: np.ndarray, targets: np.ndarray) -> float:
    (form,) = model.output_formats.values()
    return float(np.median(np.linalg.norm(form.values(model.run(raw)) - targets, axis=1)))


@pytest.fixture(scope="module")
def trained():
    with repeatable():
        return {
            count: train_regions(GIVEN, SETTINGS, count, [1, 2], name="toy") for count in (1, 4)
        }


def test_four_regions_of_a_small_network_do_better_where_regions_differ(trained) -> None:
    raw, targets = toy(1000, seed=4)
    one, four = ([error(model, raw, targets) for model in trained[k]] for k in (1, 4))
    assert np.mean(four) < 0.7 * np.mean(one)


def test_multiplications_are_those_of_one_and_bytes_those_of_four(trained) -> None:
    one, four = (trained[count][0].cost() for count in (1, 4))
    coarse = sum(row.macs for row in four.layers if row.layer in ("coarse", "scores"))
    assert four.macs - coarse == one.macs
    assert coarse == 6 * 2 + 2 * 4
    weights = sum(row.weight_bits for row in four.layers if row.kind == "chosen_dense")
    # one bias format holds those of all regions: a few bits more
    assert 4 * 8 * one.weight_bytes - 32 <= weights <= 4.4 * 8 * one.weight_bytes
    assert not any(isinstance(layer, ChosenDense) for layer in trained[1][0].layers)


def test_the_same_seeds_give_the_same_integers(trained) -> None:
    with repeatable():
        again = train_regions(GIVEN, SETTINGS, 4, [1, 2], name="toy")
    assert [one.to_json() for one in again] == [one.to_json() for one in trained[4]]


@pytest.mark.parametrize(("told", "count"), [((0, 1), 4), ((0, 1), 7), ((2,), 3)])
def test_events_are_sent_to_regions_of_about_as_many_events(told, count) -> None:
    stage = coarse_stage(DATA, RAW, COUNTS, told, count, 8)
    region = stage.regions(RAW)
    assert np.bincount(region, minlength=count).min() > 0.5 * len(RAW) / count
    if told == (2,):
        depths = [TARGETS[region == k, 2].mean() for k in range(count)]
        assert np.all(np.diff(depths) > 1.5)
    else:
        # where an event lies is known but for the coarse estimate's error
        middles = np.stack([np.median(TARGETS[region == k, :2], axis=0) for k in range(count)])
        nearest = ((TARGETS[:, None, :2] - middles) ** 2).sum(-1).argmin(1)
        assert (nearest == region).mean() > 0.75


def test_the_coarse_stage_says_what_its_own_arithmetic_in_floats_says() -> None:
    stage = coarse_stage(DATA, RAW, COUNTS, (0, 1), 4, 12)
    ones = np.column_stack([RAW, np.ones(len(RAW))])
    slope = np.linalg.lstsq(ones, TARGETS[:, :2], rcond=None)[0]
    estimate, scores, _ = stage.layers
    middles = scores.weights.T * scores.weight_format.step / 2.0
    distance = (((ones @ slope)[:, None, :] - middles) ** 2).sum(-1)
    two = np.sort(distance, axis=1)[:, :2]
    clear = two[:, 1] - two[:, 0] > 0.5  # mm²; the others lie between two cells
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(stage.regions(RAW)[clear], distance.argmin(1)[clear])
    assert estimate.to.format.width == 12


def networks_of(count: int) -> list[Candidate]:
    """Return one untrained network of each region, all in formats that hold any."""
    rng = np.random.default_rng(9)
    found = []
    for number in range(count):
        start = initial_candidate(SETTINGS.network, 6, 3, 100 + number)
        wider = tuple(w * np.float32(rng.choice([0.5, 1.0, 4.0])) for w in start.weights)
        found.append(training._with_bits(replace(start, weights=wider), SETTINGS))
    return [one for (one,) in in_common_formats([training._calibrated([n], DATA) for n in found])]


def test_every_event_gets_the_integers_of_the_network_of_its_region() -> None:
    stage = coarse_stage(DATA, RAW, COUNTS, (0, 1), 4, 8)
    networks = [deploy(one, DATA.scaling, COUNTS, OUTPUT) for one in networks_of(4)]
    model = lower_regions(networks, stage, name="toy")
    wide = np.random.default_rng(1).integers(-512, 511, (3000, 6), endpoint=True)
    raw = np.concatenate([RAW, wide])
    region, found = stage.regions(raw), model.run(raw)
    assert len({one.weight_formats for one in networks}) == 1
    for number, network in enumerate(networks):
        own = region == number
        assert own.sum() > 300
        np.testing.assert_array_equal(found[own], run_float64(network, raw[own]))


def test_formats_that_all_regions_share_clip_no_weight() -> None:
    networks = networks_of(5)
    shared = networks[0].precision
    assert all(one.precision == shared for one in networks)
    for one in networks:
        own = training._calibrated([one], DATA)[0].precision
        assert np.all(np.concatenate(shared.weight_fraction) <= np.concatenate(own.weight_fraction))


def test_a_network_of_one_region_is_the_dense_one() -> None:
    (network,) = (deploy(one, DATA.scaling, COUNTS, OUTPUT) for one in networks_of(1))
    assert lower_regions([network], None, name="toy").to_json() == (
        lower_deployed(network, name="toy").to_json()
    )


def test_a_training_without_a_number_is_told_and_the_other_stays(monkeypatch) -> None:
    real = training.train

    def sometimes(candidates, data, settings, **options):
        found = real(candidates, data, settings, **options)
        bad = tuple(np.full_like(weight, np.nan) for weight in found[0].weights)
        return [replace(found[0], weights=bad), *found[1:]] if options["keep_formats"] else found

    def with_default(candidates, data, settings, *, keep_formats=False, **options):
        return sometimes(candidates, data, settings, keep_formats=keep_formats, **options)

    monkeypatch.setattr(training, "train", with_default)
    with repeatable():
        found = train_regions(GIVEN, SETTINGS, 2, [1, 2], name="toy")
    assert [one is None for one in found] == [True, False]


def test_more_regions_than_estimates_tell_apart_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"of 64 regions have no events.*fewer regions"):
        coarse_stage(DATA, RAW, COUNTS, (2,), 64, 3)


def test_depth_that_is_not_known_is_refused() -> None:
    flat = prepare(RAW, TARGETS[:, :2], COUNTS, LossSettings())
    by_depth = SETTINGS.model_copy(update={"by": "depth"})
    with pytest.raises(ConfigError, match=r'by.*no depth among them.*use by = "cells"'):
        train_regions(replace(GIVEN, data=flat), by_depth, 2, [1], name="toy")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"counts": (4, 4)}, "counts: names a number twice"),
        ({"counts": (0,)}, "greater than or equal to 1"),
        ({"counts": (65,)}, "less than or equal to 64"),
        ({"counts": ()}, "at least 1 item"),
        ({"hidden": (4, 0)}, "greater than or equal to 1"),
        ({"by": "rows"}, "'cells' or 'depth'"),
        ({"region_training": {"patience": 3}}, "region_training.patience: .*leave it out"),
        ({"quantized_training": {"batch_norm": True}}, "quantized_training.batch_norm"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, told) -> None:
    with pytest.raises(ValidationError, match=told):
        RegionNetworkSettings.model_validate(given)


def test_binary_points_stay_where_they_are_asked_to() -> None:
    start = networks_of(1)
    shifted = replace(
        start[0].precision,
        weight_fraction=tuple(
            tuple(point - 1 for point in layer) for layer in start[0].precision.weight_fraction
        ),
    )
    given = [replace(start[0], precision=shifted)]
    short = SHORT.model_copy(update={"epochs": 0.1})
    with torch.no_grad():
        kept = training.train(given, DATA, short, seed=1, keep_formats=True)
        anew = training.train(given, DATA, short, seed=1)
    assert kept[0].precision == shifted
    assert anew[0].precision != shifted

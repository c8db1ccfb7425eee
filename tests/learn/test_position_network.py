"""Quantized networks behind fit and predict: their estimates are the integers of their model."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pulsefront.errors import BudgetError, ConfigError, DataError, PrecisionError
from pulsefront.firmware import export_model
from pulsefront.fixed_point import FixedPointModel
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.learn import AngerPosition, EstimateWarning
from toys_learn import CENTRES, scan

torch = pytest.importorskip("torch")

from pulsefront.learn import PositionNetwork  # noqa: E402


@pytest.fixture(scope="module")
def fitted() -> PositionNetwork:
    charges, position, group = scan()
    return PositionNetwork(hidden=(16, 8), epochs=20, batch=64).fit(charges, position, group)


def test_estimates_are_the_model_s_integers(fitted: PositionNetwork) -> None:
    charges, position, _ = scan(400, seed=3)
    model = fitted.model
    assert isinstance(model, FixedPointModel)
    integers = model.run(charges[:, fitted.kept_inputs_])
    fraction = model.output_formats[model.outputs[0]].fraction
    np.testing.assert_array_equal(fitted.predict(charges), integers / 2.0**fraction)
    assert -fitted.score(charges, position) < 2.0


def test_a_fit_repeats_and_a_clone_is_not_fitted(fitted: PositionNetwork) -> None:
    charges, position, group = scan()
    again = clone(fitted)
    with pytest.raises(NotFittedError):
        _ = again.model
    again.fit(charges, position, groups=group)
    assert again.model.to_json() == fitted.model.to_json()


def test_fewer_bits_cost_fewer_bytes_and_come_from_the_same_floats() -> None:
    charges, position, group = scan(1500)
    network = PositionNetwork(hidden=(8,), epochs=4, batch=64).fit(charges, position, group)
    eight, floats = network.stages_[1], network.stages_[0]
    network.quantize(weight_bits=4)
    assert network.stages_[0] == floats
    assert network.stages_[1].weight_bytes < eight.weight_bytes
    assert network.stages_[1].name == "4-bit weights"
    network.quantize()
    assert network.stages_[1] == eight


def test_ablation_is_smaller_and_keeps_the_margin_or_the_limit() -> None:
    charges, position, group = scan(1500)
    network = PositionNetwork(hidden=(8,), epochs=8, batch=64).fit(charges, position, group)
    before = network.model.cost().weight_bytes
    network.ablate(margin=0.1, rounds=2, fine_tuning_epochs=0.5)
    assert network.model.cost().weight_bytes < before
    assert network.ablation_ is not None
    assert network.ablation_.non_inferior
    assert network.ablation_.full_candidates == tuple(network._learned.full)
    assert [one.name for one in network.stages_] == [
        "float",
        "8-bit weights",
        "ablated, margin 10%",
    ]
    network.ablate(margin=0.1, max_weight_bytes=120, rounds=1, fine_tuning_epochs=0.25)
    assert network.model.cost().weight_bytes <= 120
    with pytest.raises(BudgetError):
        network.ablate(max_weight_bytes=2, rounds=1)
    with pytest.raises(ConfigError, match="margin"):
        network.ablate(margin=-1)


def test_the_report_has_intervals_stages_and_what_stands_beside(
    fitted: PositionNetwork, tmp_path
) -> None:
    charges, position, group = scan()
    test_charges, test_position, test_group = scan(500, seed=4)
    anger = AngerPosition(CENTRES).fit(charges, position, groups=group)
    report = fitted.report(
        test_charges, test_position, beside={"Anger logic": anger}, groups=test_group
    )
    assert list(report.table) == ["network", "Anger logic"]
    median = report.table["network"]["median 3-D error (mm)"]
    assert median.low <= median.value <= median.high
    assert median.value == pytest.approx(-fitted.score(test_charges, test_position), rel=0.02)
    first, second = (report.table[name]["median 3-D error (mm)"].value for name in report.table)
    assert report.gains["Anger logic"].value == pytest.approx(100 * (1 - first / second))
    tidy = report.to_pandas()
    assert len(tidy) == 6
    assert set(tidy.columns) >= {"estimator", "figure", "value", "low", "high"}
    page = report.save(tmp_path / "report.html").read_text()
    for text in (repr(report), report._repr_html_(), page):
        assert "Anger logic" in text
        assert "median 3-D error (mm)" in text
    assert "8-bit weights" in page
    assert "FixedPointModel position" in page


def test_a_pipeline_sums_rows_and_columns_first() -> None:
    charges, position, group = scan(1500)

    def sums(values):
        square = values.reshape(-1, 4, 4)
        return np.concatenate([square.sum(axis=1), square.sum(axis=2)], axis=1)

    network = PositionNetwork(hidden=(8,), epochs=4, batch=64)
    chain = make_pipeline(FunctionTransformer(sums), network)
    chain.fit(charges, position, positionnetwork__groups=group)
    assert chain.predict(charges).shape == position.shape
    assert network.model.inputs[0].shape == (8,)


def test_counts_beyond_the_adc_are_refused(fitted: PositionNetwork) -> None:
    charges, _, _ = scan(10)
    with pytest.raises(PrecisionError):
        fitted.predict(charges + 10_000)


def test_positions_have_axes() -> None:
    charges, position, _ = scan(100)
    with pytest.raises(DataError, match="positions must be"):
        PositionNetwork().fit(charges, position[:, 0])


def test_trained_networks_and_a_checkpoint_exclude_each_other(tmp_path) -> None:
    from pulsefront.search import Budget, run_ablation

    charges, position, group = scan(600)
    network = PositionNetwork(hidden=(4,), epochs=1, batch=64).fit(charges, position, group)
    learned = network._learned
    with pytest.raises(ConfigError, match="exclude each other"):
        run_ablation(
            learned.task,
            network._settings(),
            Budget(weight_bytes=1000),
            checkpoint=tmp_path,
            full=learned.full,
        )


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"hidden": "a"}, "hidden: input should be a valid tuple (got 'a')"),
        ({"hidden": 5}, "hidden: input should be a valid tuple (got 5)"),
        ({"weight_bits": 0}, "weight_bits: input should be greater than or equal to 2 (got 0)"),
        ({"epochs": "x"}, "epochs: input should be a number, without quotes"),
        ({"initializations": 0}, "initializations: input should be greater than or equal to 3"),
        ({"device": "zz"}, "device: string should match"),
        ({"fold": "square"}, "fold: are no mirrors (got 'square'); give a scan's mirrors"),
        ({"normalised_sum": 0}, "normalised_sum: is no sum of charges (got 0)"),
        ({"normalised_sum": 1024.5}, "normalised_sum: is no sum of charges (got 1024.5)"),
        ({"weight_bits": 0, "activation_bits": 99}, "(got 0); 1 more: activation_bits"),
    ],
)
def test_parameters_that_have_no_sense_are_one_line(parameters: dict, told: str) -> None:
    charges, position, _ = scan(50)
    with pytest.raises(ConfigError) as said:
        PositionNetwork(**parameters).fit(charges, position)
    assert told in str(said.value)
    assert "http" not in str(said.value)
    assert "\n" not in str(said.value)


def test_widths_given_later_are_checked_too(fitted: PositionNetwork) -> None:
    with pytest.raises(ConfigError, match="weight_bits"):
        clone(fitted).set_params(weight_bits=99).fit(*scan(50))
    with pytest.raises(ConfigError, match="weight_bits"):
        fitted.quantize(weight_bits=0)


MIRRORS = Mirrors(4, 4)


@pytest.fixture(scope="module")
def folded() -> PositionNetwork:
    charges, position, group = scan(1500)
    network = PositionNetwork(hidden=(8,), epochs=6, batch=64, fold=MIRRORS, normalised_sum=1024)
    return clone(network).fit(charges, position, group)


def test_a_folded_network_answers_in_every_mirror_alike(folded: PositionNetwork) -> None:
    charges, position, _ = scan(400, seed=3)
    found = folded.predict(charges)
    assert -folded.score(charges, position) < 3.0
    along = [charges.astype(np.int64) @ one for one in MIRRORS.weights]
    clear = (along[0] != 0) & (along[1] != 0) & (abs(along[0]) != abs(along[1]))
    for number in range(1, 8):
        turns = np.tile([number & 1, number >> 1 & 1, number >> 2], (len(charges), 1)).astype(bool)
        turned = folded.predict(MIRRORS.folded(charges, turns))
        np.testing.assert_array_equal(turned[clear], MIRRORS.forward(found, turns)[clear])


@pytest.mark.parametrize("told", [True, False])
def test_an_export_says_what_happens_before_a_folded_network(
    folded: PositionNetwork, tmp_path, told: bool
) -> None:
    """Told or not: an export without `provenance` left out the fold without a word."""
    charges, _, _ = scan(200, seed=4)
    assert folded.preparation is not None
    read = folded.preparation.apply(charges)
    raw = folded.model.run(np.ascontiguousarray(read[:, folded.kept_inputs_]))
    form = folded.model.output_formats[folded.model.outputs[0]]
    expected = folded.preparation.back(charges, form.values(raw))
    np.testing.assert_array_equal(folded.predict(charges), expected)
    provenance = folded.provenance if told else None
    export_model(folded.model, tmp_path / "out", targets=["c99"], provenance=provenance)
    written = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert ChargePreparation.of_document(written) == folded.preparation
    assert "turned by the mirrors of a grid" in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(PrecisionError, match="event 1, channel 2, lies outside"):
        folded.predict(np.where(np.arange(32).reshape(2, 16) == 18, 60_000, charges[:2]))


def test_without_a_fold_nothing_happens_before(fitted: PositionNetwork) -> None:
    assert fitted.preparation is None
    assert fitted.provenance == {}


def test_a_sum_that_clips_charges_is_refused() -> None:
    charges, position, group = scan(200)
    bits = int(charges.max()).bit_length()
    network = PositionNetwork(hidden=(8,), epochs=1, normalised_sum=1 << (bits + 6))
    with pytest.raises(DataError, match=rf"normalised_sum.* beyond {bits} bits in 1?\d\d"):
        network.fit(charges, position, group)


def test_a_sum_that_leaves_few_steps_is_told() -> None:
    charges, position, group = scan(200)
    network = PositionNetwork(hidden=(8,), epochs=1, normalised_sum=16)
    with pytest.warns(EstimateWarning, match="16 leaves the brightest input of the middle event"):
        network.fit(charges, position, group)

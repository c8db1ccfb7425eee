"""The likelihood estimator on a toy block whose light, and so whose bound, is known."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.estimators.position import light_response as module
from pulsefront.estimators.position import response_kernels as kernels
from pulsefront.estimators.position.bounds import position_bound
from pulsefront.estimators.position.light_response import LightResponse, fit_light_response
from pulsefront.evaluate import median_error
from toys_estimators import light_fractions, light_scan, stage_grid

EXTENT = ((-24.0, 24.0), (-24.0, 24.0), (0.0, 16.0))
TRAIN = light_scan(20_000, stage_grid(2, 22), seed=0)
SELECTION = light_scan(1_000, stage_grid(2, 20) + 1, seed=1)
TEST = light_scan(3_000, stage_grid(2, 16) + 1, seed=2)
FEW = {"extent_mm": EXTENT, "intervals": [(12, 12, 6)], "penalties": [1e-4]}


@pytest.fixture(scope="module")
def model() -> LightResponse:
    return fit_light_response(*TRAIN, *SELECTION, kept_shares=[1.0], **FEW)


def inner() -> np.ndarray:
    """Test events away from the faces, where the toy's light changes within a spline."""
    depth = TEST[1][:, 2]
    return (depth > 2) & (depth < 13)


def test_the_response_is_the_mean_root_share(model: LightResponse) -> None:
    random = np.random.default_rng(3)
    position = np.column_stack([random.uniform(-16, 16, (40, 2)), random.uniform(2, 12, 40)])
    expected = np.sqrt(light_fractions(position))
    assert np.abs(model.response(position) - expected).max() < 0.02


def test_positions_come_near_the_bound(model: LightResponse) -> None:
    kept = inner()
    residual = (model.estimate(TEST[0]) - TEST[1])[kept]
    bound = position_bound(light_fractions, TEST[1][kept], photons=3000)
    for axis in range(3):
        best = np.sqrt((bound.sigma_mm[:, axis] ** 2).mean())
        # Quantile width: the toy's rare far tails are not what the bound speaks of.
        low, high = np.quantile(residual[:, axis], [0.1587, 0.8413])
        assert 0.9 * best < (high - low) / 2 < 1.25 * best
    assert (np.abs(residual.mean(axis=0)) < 0.1).all()


def test_sigmas_say_how_far_off_estimates_are(model: LightResponse) -> None:
    found = model.likelihood(TEST[0])
    pull = ((found.position_mm - TEST[1]) / found.sigma_mm)[inner()]
    low, high = np.quantile(pull, [0.1587, 0.8413], axis=0)
    assert ((high - low) / 2 > 0.75).all()
    assert ((high - low) / 2 < 1.35).all()


def test_light_of_two_positions_does_not_fit(model: LightResponse) -> None:
    single = model.likelihood(TEST[0]).misfit
    assert np.median(single) == pytest.approx(1, abs=0.15)
    # Both halves of the light from positions far apart.
    double = model.likelihood(TEST[0] + TEST[0][::-1]).misfit
    assert np.median(double) > 3 * np.median(single)


def test_trimming_takes_wrong_labels_out_of_the_response() -> None:
    charges, position = TRAIN
    wrong = position.copy()
    moved = np.random.default_rng(4).random(len(wrong)) < 0.2
    wrong[moved] = wrong[np.random.default_rng(5).permutation(len(wrong))][moved]
    errors = {}
    for kept in (1.0, 0.7):
        fitted = fit_light_response(charges, wrong, *SELECTION, kept_shares=[kept], **FEW)
        errors[kept] = median_error(fitted.estimate(TEST[0]) - TEST[1])
    clean = fit_light_response(charges, position, *SELECTION, kept_shares=[1.0], **FEW)
    best = median_error(clean.estimate(TEST[0]) - TEST[1])
    assert errors[0.7] < 1.1 * best
    assert errors[1.0] > 1.2 * best


def test_the_table_holds_every_trial_and_the_best_is_taken() -> None:
    fitted = fit_light_response(
        *TRAIN,
        *SELECTION,
        extent_mm=EXTENT,
        intervals=[(4, 4, 2), (10, 10, 5)],
        penalties=[1e-4, 10.0],
        kept_shares=[1.0],
        most_tuning=6_000,
    )
    errors = [row.median_error_mm for row in fitted.table]
    assert len(errors) == 4
    chosen = [row for row in fitted.table if row.parameters == fitted.parameters]
    assert chosen[0].median_error_mm == min(errors)


def test_gradients_and_curvature_equal_differences(model: LightResponse) -> None:
    grid = module.spline_grid(EXTENT, model.intervals)
    response = kernels.Response(grid, model.coefficients, 1 / model.variance)
    roots = module.root_shares(TEST[0][:1].astype(np.float32))[0]
    room, descent = kernels.room_for(64), kernels.Descent(np.empty(3), np.empty((3, 3)))

    def squares(position: np.ndarray) -> float:
        return kernels.evaluate(np.asarray(position), roots, response, room, descent)

    position = TEST[1][0] + 0.3
    step = 0.05 * np.eye(3)
    # The compiled function returns squares in single precision: differences over 0.1 mm.
    slopes = [(squares(position + s) - squares(position - s)) / 0.1 for s in step]
    squares(position)
    np.testing.assert_allclose(2 * descent.gradient, slopes, rtol=0.02, atol=0.5)
    assert (np.linalg.eigvalsh(descent.hessian) > 0).all()


def test_compiled_kernels_equal_their_python_form(
    model: LightResponse, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = module.spline_grid(EXTENT, model.intervals)
    position, roots = TEST[1][:5], module.root_shares(TEST[0][:5].astype(np.float32))
    response = kernels.Response(grid, model.coefficients, 1 / model.variance)

    def everything() -> list[np.ndarray]:
        return [
            *kernels.normal_equations(position, roots, grid),
            kernels.responses(position, model.coefficients, grid),
            *kernels.refine(roots[:2], position[:2], response, 3),
        ]

    compiled = everything()
    for name in (
        "room_for", "splines", "activate", "_light_at", "evaluate",
        "normal_equations", "responses", "refine",
    ):  # fmt: skip
        monkeypatch.setattr(kernels, name, getattr(kernels, name).py_func)
    for one, two in zip(compiled, everything(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_splines_add_up_to_one_and_reproduce_lines() -> None:
    value, slope = np.empty(4), np.empty(4)
    for position in np.linspace(-24, 24, 41):
        first = kernels.splines(position, -24.0, 0.25, 12, value, slope)
        assert value.sum() == pytest.approx(1)
        assert slope.sum() == pytest.approx(0, abs=1e-12)
        # Coefficient k of the line x is the position of its knot: −24 + 4 (k − 1).
        line = -24 + 4 * (first + np.arange(4) - 1.0)
        assert value @ line == pytest.approx(position)
        assert slope @ line == pytest.approx(1)


def test_estimates_stay_within_the_extent(model: LightResponse) -> None:
    noise = np.random.default_rng(6).integers(0, 100, (200, 64))
    found = model.estimate(noise)
    low, high = np.array(EXTENT).T
    assert ((found >= low) & (found <= high)).all()
    assert np.isfinite(model.estimate(np.zeros((1, 64)))).all()
    assert model.estimate(np.zeros((0, 64))).shape == (0, 3)


def test_unusable_training_sets_raise(model: LightResponse) -> None:
    with pytest.raises(DataError, match="extent"):
        fit_light_response(*TRAIN, *SELECTION, extent_mm=((-1, 1), (-1, 1), (0, 16)))
    with pytest.raises(DataError, match="x, y, z"):
        fit_light_response(TRAIN[0], TRAIN[1][:, :2], *SELECTION)
    with pytest.raises(DataError, match="photosensors"):
        model.estimate(np.ones((2, 9)))

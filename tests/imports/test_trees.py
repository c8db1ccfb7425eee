"""Trees of scikit-learn on integers: every comparison exact, every executor the same."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.tree import DecisionTreeRegressor

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.firmware import export_model, verify_export
from pulsefront.imports import Widths, from_sklearn

RNG = np.random.default_rng(0)
COUNTS = RNG.integers(-40, 1000, (800, 5))
TARGET = np.sin(COUNTS[:, 0] / 200) + COUNTS[:, 1] * COUNTS[:, 2] / 1e6
BOTH = np.stack([TARGET, 5 - 3 * TARGET], axis=1)

ENSEMBLES = {
    "histograms": (
        HistGradientBoostingRegressor(max_iter=12, max_leaf_nodes=7, random_state=0), TARGET,
    ),
    "absolute error": (
        HistGradientBoostingRegressor(loss="absolute_error", max_iter=5, random_state=1), TARGET,
    ),
    "gradients": (GradientBoostingRegressor(n_estimators=9, max_depth=3, random_state=0), TARGET),
    "from zero": (GradientBoostingRegressor(n_estimators=4, init="zero"), TARGET),
    "one tree": (DecisionTreeRegressor(max_depth=5, random_state=0), BOTH),
    "forest": (RandomForestRegressor(4, max_depth=4, random_state=0), BOTH),
    "two outputs": (
        MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=4, max_leaf_nodes=5)), BOTH,
    ),
}  # fmt: skip


def edges(imported) -> np.ndarray:
    """Return events that lie on a threshold, beside it, at the ends, and anywhere."""
    form = imported.model.inputs[0].format
    splits = imported.model.layers[0]
    events = RNG.integers(form.minimum, form.maximum + 1, (3000, 5))
    events[:300] = RNG.choice([form.minimum, form.maximum], (300, 5))
    features, thresholds = splits.weights.argmax(axis=0), -splits.bias
    for index in range(300, 2400):
        one = RNG.integers(len(features))
        events[index, features[one]] = thresholds[one] + RNG.integers(-1, 2)
    return np.clip(events, form.minimum, form.maximum)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_an_ensemble_gives_the_same_leaves_and_their_sum_to_a_step(name: str) -> None:
    estimator, target = ENSEMBLES[name]
    estimator.fit(COUNTS, target)
    imported = from_sklearn(estimator, COUNTS)
    events = edges(imported)
    (difference,) = imported.compare(events)
    # Leaves are rounded once and their sum once more: it differs where that decides, by a step.
    assert difference.largest_steps <= 1
    assert difference.different < 0.05 * difference.integers
    wide = from_sklearn(estimator, COUNTS, widths=Widths(outputs=24))
    found = wide.model.output_formats["trees_1"].values(wide.model.run(events))
    expected = estimator.predict(events).reshape(found.shape)
    assert np.abs(found - expected).max() <= wide.model.output_formats["trees_1"].step
    assert [one.kind for one in imported.model.layers] == [
        "dense",
        "clip",
        "dense",
        "clip",
        "dense",
    ]
    assert "comparisons of integers, exact" in imported.changes[0]


def test_exactly_one_leaf_of_each_tree_is_reached() -> None:
    estimator = ENSEMBLES["gradients"][0].fit(COUNTS, TARGET)
    imported = from_sklearn(estimator, COUNTS)
    model = imported.model
    reached = type(model)("reached", model.inputs, model.layers[:-1], ("reached_1",))
    found = reached.run(edges(imported))
    assert set(np.unique(found)) == {0, 1}
    assert np.all(found.sum(axis=1) == 9)


def test_executors_compute_the_integers_of_an_ensemble(tmp_path) -> None:
    estimator = HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=5, random_state=0)
    imported = from_sklearn(estimator.fit(COUNTS, TARGET), COUNTS)
    targets = ["onnx", "qonnx", "c99", "rtl_unrolled"]
    export_model(imported.model, tmp_path / "out", targets=targets, data_vectors=COUNTS[:200])
    result = verify_export(tmp_path / "out")
    result.raise_on_failure()
    assert {"emulator", "onnxruntime", "qonnx"} <= {row.backend for row in result.exact_rows}


def test_what_is_no_sum_of_exact_comparisons_is_one_line() -> None:
    fitted = HistGradientBoostingRegressor(max_iter=2).fit(COUNTS, TARGET)
    with pytest.raises(PrecisionError, match=r"data hold others.*ADC counts"):
        from_sklearn(fitted, COUNTS / 3)
    with pytest.raises(PrecisionError, match="not fitted"):
        from_sklearn(HistGradientBoostingRegressor(), COUNTS)
    logarithm = HistGradientBoostingRegressor(loss="poisson", max_iter=2).fit(COUNTS, TARGET + 2)
    with pytest.raises(UnsupportedLayer, match="with the loss poisson its estimate is a function"):
        from_sklearn(logarithm, COUNTS)
    large = RandomForestRegressor(20, random_state=0).fit(COUNTS, TARGET)
    with pytest.raises(UnsupportedLayer, match=r"weights, more than 1,048,576; fit fewer trees"):
        from_sklearn(large, COUNTS)
    flat = HistGradientBoostingRegressor(max_iter=2).fit(COUNTS, np.ones(len(COUNTS)))
    with pytest.raises(UnsupportedLayer, match="its estimate is a constant"):
        from_sklearn(flat, COUNTS)
    classes = (COUNTS[:, :2] // 300).astype(int)
    named = HistGradientBoostingRegressor(categorical_features=[0], max_iter=3)
    with pytest.raises(UnsupportedLayer, match="asks for categories"):
        from_sklearn(named.fit(np.abs(classes), TARGET), np.abs(classes))
    started = GradientBoostingRegressor(n_estimators=2, init=DecisionTreeRegressor(max_depth=1))
    with pytest.raises(UnsupportedLayer, match="begins with another estimator"):
        from_sklearn(started.fit(COUNTS, TARGET), COUNTS)


def test_data_of_other_features_than_the_fit_are_one_line() -> None:
    fitted = GradientBoostingRegressor(n_estimators=2).fit(COUNTS, TARGET)
    with pytest.raises(PrecisionError, match=r"fitted to 5 features, and the data have 4"):
        from_sklearn(fitted, COUNTS[:, 1:])
    several = MultiOutputRegressor(DecisionTreeRegressor(max_depth=2)).fit(COUNTS, BOTH)
    with pytest.raises(PrecisionError, match=r"fitted to 5 features, and the data have 6"):
        from_sklearn(several, np.hstack([COUNTS, COUNTS[:, :1]]))

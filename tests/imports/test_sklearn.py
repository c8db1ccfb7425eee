"""Estimators of scikit-learn as fixed-point models."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression, PoissonRegressor, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.fixed_point import Dense, FixedPointFormat, Relu
from pulsefront.imports import Widths, from_sklearn

RNG = np.random.default_rng(0)
COUNTS = RNG.integers(0, 1024, (1500, 6))
TARGET = COUNTS @ RNG.normal(0, 1, 6) / 500


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_regressor_behind_a_scaler_takes_adc_counts(scaler) -> None:
    fitted = make_pipeline(
        scaler, MLPRegressor(hidden_layer_sizes=(12, 8), max_iter=30, random_state=0)
    ).fit(COUNTS, TARGET)  # fmt: skip
    imported = from_sklearn(fitted, COUNTS, widths=Widths(12, 12))
    (source,) = imported.model.inputs
    assert str(source.format) == "ufixed<10,10>"
    assert len(imported.model.layers) == 5
    (difference,) = imported.compare(imported.integers(COUNTS))
    assert difference.relative_rms < 0.01
    found = imported.origin({source.name: COUNTS.astype(float)})[0][:, 0]
    assert np.allclose(found, fitted.predict(COUNTS))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_formats_of_single_tensors_are_taken_as_given() -> None:
    scaled = COUNTS / 1024
    fitted = MLPRegressor(hidden_layer_sizes=(8,), max_iter=30, random_state=0).fit(scaled, TARGET)
    given = {
        "features_1": FixedPointFormat(9, 0, signed=False),
        "dense_1.weights": FixedPointFormat(6, 1, signed=True),
        "relu_1": FixedPointFormat(7, 3, signed=False),
        "dense_3": FixedPointFormat(11, 4, signed=True),
    }
    imported = from_sklearn(fitted, scaled, widths=Widths(12, 12, formats=given))
    model = imported.model
    first, relu, last = model.layers
    assert model.inputs[0].format == given["features_1"]
    assert isinstance(first, Dense)
    own = np.clip(np.floor(fitted.coefs_[0] * 32 + 0.5), -32, 31)
    # Stored without the bits that no weight of an output needs.
    stored = first.weight_format
    several = stored if isinstance(stored, tuple) else (stored,) * 8
    fractions = np.array([one.fraction for one in several])
    assert np.array_equal(np.ldexp(first.weights, 5 - fractions), own)
    assert isinstance(relu, Relu)
    assert relu.to is not None
    assert relu.to.format == given["relu_1"]
    assert model.output_formats == {last.name: given["dense_3"]}
    cut = {"features_1": FixedPointFormat(8, -1, signed=False)}
    told = from_sklearn(fitted, scaled, widths=Widths(12, 12, formats=cut)).changes
    share = 100 * float((scaled >= (255 + 0.5) / 512).mean())
    lie = f"features_1: {share:.2g} % of the values lie outside ufixed<8,-1>"
    assert told == (f"{lie}, and are moved to its ends",)
    for name in ("relu_2", "dense_1", "relu_1.weights"):
        with pytest.raises(PrecisionError, match="takes a format") as caught:
            from_sklearn(fitted, scaled, widths=Widths(formats={name: given["relu_1"]}))
        assert "dense_1.weights" in caught.value.remedy


@pytest.mark.parametrize("formats", ["ufixed<8,4>", {"relu_1": "ufixed<8,4>"}, ["relu_1"]])
def test_formats_that_are_none_are_refused_at_once(formats) -> None:
    with pytest.raises(PrecisionError, match="is no format of a tensor"):
        Widths(formats=formats)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_largest_output_of_a_classifier_is_its_class() -> None:
    classes = np.digitize(TARGET, np.quantile(TARGET, [0.3, 0.7]))
    scaled = COUNTS / 1024
    fitted = MLPClassifier((10,), max_iter=60, random_state=1).fit(scaled, classes)
    imported = from_sklearn(fitted, scaled, widths=Widths(10, 10, 10))
    found = imported.model.run(next(iter(imported.integers(scaled).values()))).argmax(axis=1)
    assert np.mean(found == fitted.predict(scaled)) > 0.97


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_activations_that_are_tables(activation: str) -> None:
    fitted = make_pipeline(
        StandardScaler(),
        MLPRegressor(hidden_layer_sizes=(8,), activation=activation, max_iter=30, random_state=0),
    ).fit(COUNTS, TARGET)  # fmt: skip
    imported = from_sklearn(fitted, COUNTS, widths=Widths(12, 12))
    assert [one.kind for one in imported.model.layers].count("table") == 1
    (difference,) = imported.compare(imported.integers(COUNTS))
    assert difference.relative_rms < 0.01


def test_a_linear_model() -> None:
    fitted = Ridge().fit(COUNTS, TARGET)
    imported = from_sklearn(fitted, COUNTS, widths=Widths(weights=14))
    (difference,) = imported.compare(imported.integers(COUNTS))
    assert difference.relative_rms < 0.002


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_has_no_counterpart_is_named() -> None:
    with pytest.raises(UnsupportedLayer, match="SVR"):
        from_sklearn(SVR().fit(COUNTS[:50], TARGET[:50]), COUNTS)
    pipeline = make_pipeline(PolynomialFeatures(), Ridge()).fit(COUNTS, TARGET)
    with pytest.raises(UnsupportedLayer, match="PolynomialFeatures"):
        from_sklearn(pipeline, COUNTS)
    clipped = make_pipeline(MinMaxScaler(clip=True), Ridge()).fit(COUNTS, TARGET)
    with pytest.raises(UnsupportedLayer, match="a scaler that clips"):
        from_sklearn(clipped, COUNTS)
    with pytest.raises(PrecisionError, match="not fitted"):
        from_sklearn(MLPRegressor(), COUNTS)


def test_data_of_other_features_than_the_fit_are_one_line() -> None:
    fitted = make_pipeline(StandardScaler(), Ridge()).fit(COUNTS, TARGET)
    with pytest.raises(PrecisionError, match=r"fitted to 6 features, and the data have 5"):
        from_sklearn(fitted, COUNTS[:, 1:])


@pytest.mark.parametrize("given", [{"with_mean": False}, {"with_std": False}])
def test_a_scaler_takes_off_no_mean_that_it_was_told_to_leave(given) -> None:
    fitted = make_pipeline(StandardScaler(**given), LinearRegression()).fit(COUNTS, TARGET)
    imported = from_sklearn(fitted, COUNTS, widths=Widths(16, 16, outputs=20))
    (difference,) = imported.compare_data(COUNTS)
    assert difference.relative_rms < 1e-4


def several() -> dict[str, np.ndarray]:
    both = np.column_stack([TARGET, COUNTS[:, 0]])
    return {"both": both, "sorted": np.digitize(TARGET, np.quantile(TARGET, [0.3, 0.7]))}


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (make_pipeline(StandardScaler(), PoissonRegressor()), np.abs(TARGET)),
        (PLSRegression(2), several()["both"]),
        (make_pipeline(StandardScaler(), SVC(kernel="linear", max_iter=50)), several()["sorted"]),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_computes_more_than_its_weights_is_refused(estimator, target) -> None:
    with pytest.raises(UnsupportedLayer, match="are not the sums of its weights"):
        from_sklearn(estimator.fit(COUNTS, target), COUNTS)


def test_several_outputs_of_no_trees_are_named() -> None:
    fitted = MultiOutputRegressor(LinearRegression()).fit(COUNTS, several()["both"])
    with pytest.raises(UnsupportedLayer, match="MultiOutputRegressor of LinearRegression"):
        from_sklearn(fitted, COUNTS)

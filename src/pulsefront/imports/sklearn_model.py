"""The door for scikit-learn: perceptrons and linear models behind scalers, and trees."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.fixed_point.layers.unsupported import refuse
from pulsefront.imports.calibrate import Widths
from pulsefront.imports.evaluate import evaluate
from pulsefront.imports.graph import Function, Limit, Matrix, Node, RealInput, RealNetwork, Reals
from pulsefront.imports.imported import Imported, finished
from pulsefront.imports.names import model_name
from pulsefront.imports.sklearn_trees import TREES, imported_trees

__all__ = ["from_sklearn"]


def from_sklearn(
    estimator: Any,
    data: npt.NDArray[Any],
    *,
    name: str | None = None,
    widths: Widths | None = None,
) -> Imported:
    """Return a fitted estimator of scikit-learn as a fixed-point model, calibrated with *data*.

    ``MLPRegressor`` and ``MLPClassifier`` with ReLU or no activation, linear models with ``coef_``,
    and pipelines of these behind ``StandardScaler``, ``MinMaxScaler`` or ``MaxAbsScaler``, which
    are folded into the weights. A classifier ends at the numbers of which the largest, or the sign
    of a single one, tells the class: what enters its softmax or logistic function.

    Regression trees on whole numbers, such as ADC counts: ``HistGradientBoostingRegressor``,
    ``GradientBoostingRegressor``, forests and single trees, and ``MultiOutputRegressor`` of these.
    Every comparison is exact; see `sklearn_trees`.

    Parameters
    ----------
    data
        Events (event, feature) as the estimator takes them; integers are taken as they are, such
        as ADC counts.
    name
        Of the model; from the estimator's class.

    Raises
    ------
    UnsupportedLayer
        The estimator, or its activation, has no bit-exact counterpart, or what it says of the data
        is not what its weights give.
    PrecisionError
        It is not fitted, a weight is not finite, or the data have other features than it was
        fitted to.
    """
    _refuse_other_features(estimator, data)
    if type(estimator).__name__ in TREES:
        named = name or model_name(type(estimator).__name__)
        return imported_trees(estimator, np.asarray(data), named, widths or Widths())
    steps = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    nodes: list[Node] = []
    for index, step in enumerate(steps):
        made = _scaler(step) if index < len(steps) - 1 else _network(step)
        for weights, bias, activation in made:
            source = nodes[-1].name if nodes else "features_1"
            label = f"{type(step).__name__} {len(nodes) + 1}"
            dense = Matrix(f"dense_{len(nodes) + 1}", (source,), label, weights, bias)
            nodes.append(dense)
            name_of = f"{activation}_{len(nodes)}"
            if activation == "relu":
                nodes.append(Limit(name_of, (dense.name,), label, 0.0, np.inf))
            elif activation in _TABLES:
                nodes.append(Function(name_of, (dense.name,), label, _TABLES[activation]))
    first = nodes[0]
    assert isinstance(first, Matrix)
    features = RealInput("features_1", (first.weights.shape[0],), "features")
    graph = RealNetwork(
        name or model_name(type(steps[-1]).__name__), (features,), tuple(nodes), (nodes[-1].name,)
    )

    own = _own_numbers(estimator)

    def origin(arrays: Mapping[str, Reals]) -> list[Reals]:
        read = evaluate(graph, arrays)[nodes[-1].name]
        return [read if own is None else own(arrays["features_1"])]

    found = evaluate(graph, {"features_1": np.asarray(data, np.float64)})[nodes[-1].name]
    _refuse_other_numbers(estimator, data, found, own)
    return finished(graph, origin, data=np.asarray(data), widths=widths)


def _own_numbers(estimator: Any) -> Callable[[Any], Reals] | None:
    """Return what computes the estimator's own numbers; None of a perceptron that tells classes.

    That gives probabilities alone.
    """
    name = "decision_function" if hasattr(estimator, "classes_") else "predict"
    if not hasattr(estimator, name):
        return None

    def numbers(data: Any) -> Reals:
        with warnings.catch_warnings():
            # Fitted to a table with names of columns, it warns of every array.
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            found = np.asarray(getattr(estimator, name)(data), np.float64)
        return found.reshape(len(found), -1)

    return numbers


_FLOAT32 = 1e-4
"""Of the largest number: how far the sum of weights may lie from what the estimator says."""


def _refuse_other_numbers(
    estimator: Any, data: Any, found: Reals, own: Callable[[Any], Reals] | None
) -> None:
    """Refuse an estimator that computes something else than the sums of its weights.

    Such as an exponential behind them, a mean taken off before, or votes of pairs of classes.
    """
    kind = type(getattr(estimator, "steps", [("", estimator)])[-1][1]).__name__
    if own is None:
        best = found.argmax(axis=1) if found.shape[1] > 1 else (found[:, 0] > 0).astype(int)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            same = np.array_equal(estimator.classes_[best], estimator.predict(data))
    else:
        expected = own(data)
        same = expected.shape == found.shape and np.allclose(
            found, expected, rtol=0.0, atol=_FLOAT32 * float(np.abs(expected).max(initial=0.0))
        )
    if not same:
        raise UnsupportedLayer(
            kind,
            problem="what it says of the data are not the sums of its weights: it computes more, "
            "such as an exponential behind them",
            remedy="use an estimator that ends in such sums: LinearRegression, Ridge, "
            "LogisticRegression, MLPRegressor, MLPClassifier",
        )


def _refuse_other_features(estimator: Any, data: Any) -> None:
    """Refuse data with other columns than those that the estimator was fitted to."""
    wanted = getattr(estimator, "n_features_in_", None)
    shape = np.shape(data)
    if wanted is None or len(shape) != 2:
        return
    if shape[1] != wanted:
        raise PrecisionError(
            f"the estimator was fitted to {wanted} features, and the data have {shape[1]}",
            field="data",
            value=shape,
            remedy="give (event, feature) with the columns of the fit, in their order",
        )
    named = getattr(estimator, "feature_names_in_", None)
    columns = getattr(data, "columns", None)
    if named is not None and columns is not None and list(columns) != list(named):
        raise PrecisionError(
            "the columns of the data are not those of the fit, in their order",
            field="data",
            value=", ".join(map(str, columns))[:80],
            remedy=f"give {', '.join(map(str, named))}",
        )


SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler")

_TABLES = {"tanh": "tanh", "logistic": "sigmoid"}
"""Activations that firmware has as tables, by scikit-learn's names."""

Step = tuple[Reals, Reals, str]
"""Weights, bias, and the activation that follows."""


def _scaler(step: Any) -> list[Step]:
    kind = type(step).__name__
    if not hasattr(step, "scale_") or kind not in SCALERS:
        raise UnsupportedLayer(
            kind,
            problem="this step of the pipeline has no counterpart, or is not fitted",
            remedy=f"use {', '.join(SCALERS)}, and fit the pipeline",
        )
    if getattr(step, "clip", False):
        raise UnsupportedLayer(
            kind, problem="a scaler that clips has no counterpart", remedy="fit it with clip=False"
        )
    if kind == "MinMaxScaler":
        return [(np.diag(step.scale_), np.asarray(step.min_), "identity")]
    count = int(step.n_features_in_)
    factor = np.ones(count) if step.scale_ is None else 1 / np.asarray(step.scale_)
    # A scaler without a mean has one all the same: it needs it for the spread.
    mean = getattr(step, "mean_", None) if getattr(step, "with_mean", False) else None
    shift = np.zeros(count) if mean is None else -np.asarray(mean) * factor
    return [(np.diag(factor), shift, "identity")]


def _network(step: Any) -> list[Step]:
    kind = type(step).__name__
    if hasattr(step, "coefs_"):
        if step.activation not in ("relu", "identity", *_TABLES):
            raise refuse(kind, step.activation)
        last = len(step.coefs_) - 1
        return [
            (np.asarray(weights), np.asarray(bias), step.activation if index < last else "identity")
            for index, (weights, bias) in enumerate(zip(step.coefs_, step.intercepts_, strict=True))
        ]
    if hasattr(step, "coef_"):
        weights = np.atleast_2d(np.asarray(step.coef_)).T
        return [(weights, np.broadcast_to(step.intercept_, (weights.shape[1],)), "identity")]
    if kind.startswith("MLP") or hasattr(step, "fit_intercept"):
        raise PrecisionError("the estimator is not fitted", field=kind, remedy="call fit first")
    raise UnsupportedLayer(
        kind,
        problem="this estimator has no bit-exact counterpart",
        remedy="use MLPRegressor, MLPClassifier or a linear model, or trees without a pipeline",
    )

"""Boosted and other trees of scikit-learn on integers, as layers that every executor has.

A tree asks whether x > t. Of integers that is x − ⌊t⌋ limited to 0 … 1, which is 0 or 1. A leaf is
reached where all answers on its path are right: their sum, less all but one of them, limited to
0 … 1. The estimate is the sum of the values of the leaves that are reached. All three are matrices
of constants with limits between, so that an ensemble is a `FixedPointModel` of five layers; nothing
but the values of leaves is rounded.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.fixed_point import (
    Assignment,
    Clip,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Overflow,
    Rounding,
)
from pulsefront.fixed_point.format import Integers, format_holding
from pulsefront.imports.calibrate import Widths
from pulsefront.imports.graph import Reals
from pulsefront.imports.imported import Imported

__all__ = ["TREES", "imported_trees"]

TREES = (
    "HistGradientBoostingRegressor", "GradientBoostingRegressor", "DecisionTreeRegressor",
    "RandomForestRegressor", "ExtraTreesRegressor", "MultiOutputRegressor",
)  # fmt: skip
"""Estimators that are read here; the last holds one of the others for each output."""

LOSSES = ("squared_error", "absolute_error", "quantile", "huber")
"""Whose estimate is the sum itself, with no function behind it."""

MOST_WEIGHTS = 1 << 20
"""Of comparisons times leaves: more are a file and a design that nobody wants."""


@dataclass(frozen=True, eq=False)
class _Tree:
    """Nodes of a tree: *left* is negative at leaves, whose *value* is that of one output."""

    feature: Integers
    threshold: Reals
    left: Integers
    right: Integers
    value: Reals
    output: int

    def leaves(self) -> Iterator[tuple[float, tuple[tuple[int, int, bool], ...]]]:
        """Yield the value of every leaf, and the (feature, ⌊threshold⌋, above) of its path."""
        open_nodes: list[tuple[int, tuple[tuple[int, int, bool], ...]]] = [(0, ())]
        while open_nodes:
            node, path = open_nodes.pop()
            if self.left[node] < 0:
                yield float(self.value[node]), path
                continue
            at = int(self.feature[node]), int(np.floor(self.threshold[node]))
            open_nodes.append((int(self.left[node]), (*path, (*at, False))))
            open_nodes.append((int(self.right[node]), (*path, (*at, True))))


def imported_trees(estimator: Any, data: npt.NDArray[Any], name: str, widths: Widths) -> Imported:
    """Return a fitted ensemble of trees as a model; parameters as `from_sklearn`.

    Of *data* the smallest and largest integer give the input's format; ``widths.outputs`` bits
    hold the estimate. Leaves have so many bits more that their rounding never adds up to a step.

    Raises
    ------
    PrecisionError
        Data are no whole numbers, or the estimator is not fitted.
    UnsupportedLayer
        It has categories, a function behind its sum, or more leaves than make sense.
    """
    if widths.formats:
        raise PrecisionError(
            "trees take no formats: whole numbers come in, and widths.outputs bits go out",
            field="formats",
            value=", ".join(widths.formats),
            remedy="leave them out",
        )
    source = _input_of(np.asarray(data))
    trees, baseline = _trees_of(estimator)
    leaves = [(tree.output, *leaf) for tree in trees for leaf in tree.leaves()]
    splits = sorted({(f, t) for _, _, path in leaves for f, t, _ in path})
    if not splits:
        raise UnsupportedLayer(
            type(estimator).__name__, problem="it asks for nothing: its estimate is a constant",
            remedy="fit it to more events",
        )  # fmt: skip
    if len(splits) * len(leaves) > MOST_WEIGHTS:
        raise UnsupportedLayer(
            type(estimator).__name__,
            problem=f"{len(splits):,} comparisons and {len(leaves):,} leaves make "
            f"{len(splits) * len(leaves):,} weights, more than {MOST_WEIGHTS:,}",
            remedy="fit fewer trees (max_iter, n_estimators) or leaves (max_leaf_nodes)",
        )
    form, fraction = _output_format(leaves, baseline, len(trees), widths.outputs)
    layers = (
        *_comparisons(splits, source),
        *_paths(splits, [path for _, _, path in leaves]),
        _sums([(output, value) for output, value, _ in leaves], baseline, form, fraction),
    )
    model = FixedPointModel(name, (source,), layers, (layers[-1].name,))

    def origin(arrays: Mapping[str, Reals]) -> list[Reals]:
        with warnings.catch_warnings():
            # Fitted to a table with names of columns, it warns of every array.
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            found = np.asarray(estimator.predict(arrays[source.name]), np.float64)
        return [found.reshape(len(found), -1)]

    told = (
        f"{len(trees)} trees: {len(splits)} comparisons of integers, exact, and {len(leaves)} "
        f"leaves, whose values are on steps of 2^-{fraction}"
    )
    return Imported(model, origin, calibrated=True, changes=(told,))


def _input_of(data: npt.NDArray[Any]) -> Input:
    if data.ndim != 2 or not data.size:
        raise PrecisionError(
            "data are (event, feature)", field="data", value=data.shape,
            remedy="give the events that the estimator was fitted to",
        )  # fmt: skip
    if not np.all(np.isfinite(data)) or np.any(data != np.rint(data)):
        raise PrecisionError(
            "trees are compared with whole numbers, and the data hold others",
            field="data",
            value=float(np.asarray(data, float).reshape(-1)[0]),
            remedy="fit the trees to ADC counts, and give these",
        )
    form = format_holding(int(data.min()), int(data.max()), 0)
    return Input("features_1", (data.shape[1],), form)


def _trees_of(estimator: Any) -> tuple[list[_Tree], Reals]:
    """Return all trees, each with its output, and what is added to the sum of each output."""
    if type(estimator).__name__ == "MultiOutputRegressor":
        _fitted(estimator, "estimators_")
        inner = type(estimator.estimators_[0]).__name__
        if inner not in TREES[:-1]:
            raise UnsupportedLayer(
                f"MultiOutputRegressor of {inner}",
                problem="only trees are read one for each output",
                remedy="give the estimator alone, which has several outputs itself",
            )
        parts = [_trees_of(one) for one in estimator.estimators_]
        trees = [
            _Tree(**{**vars(tree), "output": output})
            for output, (several, _) in enumerate(parts)
            for tree in several
        ]
        return trees, np.concatenate([baseline for _, baseline in parts])
    if getattr(estimator, "loss", LOSSES[0]) not in LOSSES:
        raise UnsupportedLayer(
            type(estimator).__name__,
            problem=f"with the loss {estimator.loss} its estimate is a function of the sum",
            remedy=f"fit it with one of {', '.join(LOSSES)}",
        )
    if hasattr(estimator, "max_iter"):
        return _of_histograms(estimator)
    if hasattr(estimator, "init"):
        _fitted(estimator, "estimators_")
        if estimator.init not in (None, "zero"):
            raise UnsupportedLayer(
                type(estimator).__name__, problem="it begins with another estimator",
                remedy='fit it with init=None or init="zero"',
            )  # fmt: skip
        start = 0.0 if estimator.init == "zero" else np.ravel(estimator.init_.constant_)[0]
        rate = float(estimator.learning_rate)
        trees = [_plain(one[0].tree_, rate, 0) for one in estimator.estimators_]
        return trees, np.array([float(start)])
    several = estimator.estimators_ if hasattr(estimator, "estimators_") else [estimator]
    _fitted(several[0], "tree_")
    outputs = int(several[0].n_outputs_)
    return [
        _plain(one.tree_, 1 / len(several), output) for one in several for output in range(outputs)
    ], np.zeros(outputs)


def _fitted(estimator: Any, attribute: str) -> None:
    if not hasattr(estimator, attribute):
        raise PrecisionError(
            "the estimator is not fitted", field=type(estimator).__name__, remedy="call fit first"
        )


def _plain(tree: Any, factor: float, output: int) -> _Tree:
    left = np.asarray(tree.children_left, np.int64)
    right = np.asarray(tree.children_right, np.int64)
    value = factor * np.asarray(tree.value)[:, output, 0]
    return _Tree(np.asarray(tree.feature), np.asarray(tree.threshold), left, right, value, output)


def _of_histograms(estimator: Any) -> tuple[list[_Tree], Reals]:
    _fitted(estimator, "n_iter_")
    trees = []
    for (predictor,) in estimator._predictors:
        nodes = predictor.nodes
        if np.any(nodes["is_categorical"]):
            raise UnsupportedLayer(
                type(estimator).__name__, problem="it asks for categories",
                remedy="fit it without categorical_features",
            )  # fmt: skip
        leaf = nodes["is_leaf"].astype(bool)
        trees.append(
            _Tree(
                nodes["feature_idx"].astype(np.int64),
                nodes["num_threshold"].astype(np.float64),
                np.where(leaf, -1, nodes["left"].astype(np.int64)),
                nodes["right"].astype(np.int64),
                nodes["value"].astype(np.float64),
                0,
            )
        )
    return trees, np.asarray(estimator._baseline_prediction, np.float64).reshape(-1)


def _comparisons(splits: Sequence[tuple[int, int]], source: Input) -> tuple[Dense, Clip]:
    """Return the layers that give 1 where a feature is above a threshold, else 0."""
    low, high = source.format.minimum, source.format.maximum
    weights = np.zeros((source.shape[0], len(splits)), np.int64)
    weights[[feature for feature, _ in splits], range(len(splits))] = 1
    # Beyond the format's ends a threshold decides as at the end.
    bias = -np.array([min(max(threshold, low - 1), high) for _, threshold in splits])
    one = FixedPointFormat(1, 1, signed=False)
    form = format_holding(int(bias.min()), int(bias.max()), 0)
    difference = Dense("splits_1", (source.name,), weights, one, bias, form)
    return difference, Clip("above_1", ("splits_1",), 0, 1)


def _paths(
    splits: Sequence[tuple[int, int]], paths: Sequence[tuple[tuple[int, int, bool], ...]]
) -> tuple[Dense, Clip]:
    """Return the layers that give 1 for the leaves that are reached, else 0."""
    place = {split: index for index, split in enumerate(splits)}
    weights = np.zeros((len(splits), len(paths)), np.int64)
    bias = np.ones(len(paths), np.int64)
    for leaf, path in enumerate(paths):
        # A path may ask twice for the same: once decided, it counts once.
        for feature, threshold, above in set(path):
            weights[place[feature, threshold], leaf] += 1 if above else -1
            bias[leaf] -= above
    form = format_holding(int(bias.min()), int(bias.max()), 0)
    reached = Dense("leaves_1", ("above_1",), weights, FixedPointFormat(2, 2), bias, form)
    return reached, Clip("reached_1", ("leaves_1",), 0, 1)


def _output_format(
    leaves: Sequence[tuple[int, float, Any]], baseline: Reals, trees: int, bits: int
) -> tuple[FixedPointFormat, int]:
    """Return the format of the estimate, and the fraction bits of the values of leaves."""
    # An estimate lies between sums of leaves; as many as there are trees bound them.
    largest = max(abs(value) for _, value, _ in leaves) * trees
    reach = min(largest, sum(abs(value) for _, value, _ in leaves)) + np.abs(baseline).max()
    integer = int(np.ceil(np.log2(max(reach, 2.0**-100)))) + 1
    form = FixedPointFormat(bits, integer)
    return form, form.fraction + int(np.ceil(np.log2(trees + 1))) + 1


def _sums(
    leaves: Sequence[tuple[int, float]], baseline: Reals, form: FixedPointFormat, fraction: int
) -> Dense:
    """Return the layer that adds the values of the leaves that are reached."""
    values = np.zeros((len(leaves), len(baseline)))
    for index, (output, value) in enumerate(leaves):
        values[index, output] = value
    weights = np.rint(np.ldexp(values, fraction)).astype(np.int64)
    bias = np.rint(np.ldexp(baseline, fraction)).astype(np.int64)
    weight_format, bias_format = (
        format_holding(int(one.min()), int(one.max()), fraction) for one in (weights, bias)
    )
    to = Assignment(form, Rounding.RND, Overflow.SAT)
    return Dense("trees_1", ("reached_1",), weights, weight_format, bias, bias_format, to)

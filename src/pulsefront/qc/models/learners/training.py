"""Training of the failure models, from the plainest to gradient boosting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from pulsefront.errors import QCDataError
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.models.learners.classic import ClassicResult, train_classic
from pulsefront.qc.models.learners.estimators import (
    Estimator,
    Linear,
    ProbabilityCalibration,
    Rule,
    Trees,
    fit_scaler,
)
from pulsefront.qc.models.record import Redundant

__all__ = [
    "CANDIDATES",
    "RULES",
    "UNTRAINED",
    "FeatureChoice",
    "Trained",
    "calibrate",
    "choose_features",
    "fit_sigmoid",
    "fit_trees",
    "rule_of",
    "train",
    "usable_columns",
]

Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

RULES = ("shewhart", "ewma", "cusum")
CANDIDATES = ("age", *RULES, "hazard", "network", "boosting", "prior", "blend")
"""Models from the simplest on. *prior* is the model that ships, trained on simulated fleets;
*blend* joins it with the EWMA chart and, as far as failures speak for them, the site's own hazard
model and trees.
"""

UNTRAINED = (*RULES, "prior")
"""Candidates that need no failures of the site."""

_NEGATIVES_PER_POSITIVE = 60
_LEAST_NEGATIVES = 8_000
_CORRELATION_LIMIT = 0.97
_LEAST_SHARE_KNOWN = 0.002


@dataclass(frozen=True)
class Trained:
    """A trained candidate, and the way to it where the classic recipe made it."""

    estimator: Estimator
    classic: ClassicResult | None = None


def train(
    name: str,
    values: Floats32,
    label: npt.NDArray[np.int8],
    schema: FeatureSchema,
    *,
    columns: Ints,
    seed: int,
) -> Trained:
    """Return one candidate trained on labelled rows.

    All failures are used and a sample of the other rows; the log-odds are put right for that
    (King and Zeng 2001, eq. 7). Classes are not weighted: that would ruin calibration.

    Raises
    ------
    QCDataError
        There are no failures, or nothing else.
    """
    if name in RULES:
        return Trained(rule_of(name, schema))
    rows, offset = _sample(label, seed)
    some, outcome = values[rows], label[rows].astype(np.int64)
    fitters: Mapping[str, Callable[[], Trained]] = {
        "age": lambda: Trained(fit_linear(some, outcome, _age_columns(schema), offset)),
        "hazard": lambda: Trained(fit_linear(some, outcome, columns, offset)),
        "network": lambda: _fit_network(some, outcome, columns, offset, seed),
        "boosting": lambda: Trained(fit_trees(some, outcome, columns, offset, seed)),
    }
    return fitters[name]()


def _sample(label: npt.NDArray[np.int8], seed: int) -> tuple[Ints, float]:
    positive, negative = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
    if not len(positive) or not len(negative):
        raise QCDataError(
            f"there are {len(positive)} rows before a failure and {len(negative)} others",
            remedy="give a longer history, with its service events",
        )
    wanted = max(_NEGATIVES_PER_POSITIVE * len(positive), _LEAST_NEGATIVES)
    if wanted >= len(negative):
        return np.sort(np.concatenate([positive, negative])), 0.0
    chosen = np.random.default_rng(seed).choice(negative, wanted, replace=False)
    rows = np.sort(np.concatenate([positive, chosen]))
    return rows, float(np.log(wanted / len(negative)))


def _age_columns(schema: FeatureSchema) -> Ints:
    return np.array([schema.column(n) for n in ("age_days", "days_since_replacement")])


def rule_of(name: str, schema: FeatureSchema) -> Rule:
    """Return a control chart of a component's own readings."""
    statistic = {"shewhart": ":z", "ewma": ":ewma", "cusum": ":cusum"}[name]
    own = [k for k, n in enumerate(schema.names) if n.endswith(statistic) and n[:5] != "unit "]
    return Rule(np.array(own))


def usable_columns(values: Floats32) -> Ints:
    """Return the features that are known in some rows and are not constant."""
    known = ~np.isnan(values)
    low = np.nanmin(np.where(known, values, np.inf), axis=0)
    high = np.nanmax(np.where(known, values, -np.inf), axis=0)
    return np.flatnonzero((known.mean(axis=0) > _LEAST_SHARE_KNOWN) & (high > low))


class Dropped(NamedTuple):
    """The columns of a feature that was left out and of the kept one that tells the same."""

    column: int
    kept: int
    correlation: float


class FeatureFields(TypedDict):
    """The fields that a back-test's result and a training's record share."""

    redundant_features: tuple[Redundant, ...]
    features_kept: tuple[str, ...]
    correlation_features: tuple[str, ...]
    correlation: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class FeatureChoice:
    """Which features are used, as columns.

    ``correlation`` is that of the features ``compared``, in their order; of these ``kept`` are
    used.
    """

    compared: Ints
    kept: Ints
    dropped: tuple[Dropped, ...]
    correlation: npt.NDArray[np.float64]

    def fields(self, names: Sequence[str]) -> FeatureFields:
        """Return the choice by the names of the features, rounded for saving."""
        return {
            "redundant_features": tuple(
                Redundant(
                    left_out=names[d.column], kept=names[d.kept],
                    correlation=round(d.correlation, 4),
                )
                for d in self.dropped
            ),
            "features_kept": tuple(names[c] for c in self.kept),
            "correlation_features": tuple(names[c] for c in self.compared),
            "correlation": tuple(map(tuple, np.round(self.correlation, 3).tolist())),
        }  # fmt: skip


def choose_features(
    values: Floats32, columns: Ints | None = None, *, limit: float = _CORRELATION_LIMIT
) -> FeatureChoice:
    """Return which of *columns*, or of all usable features, are used.

    Of two features whose scaled values correlate by more than *limit*, the later one is left out.
    """
    columns = usable_columns(values) if columns is None else columns
    scaled = fit_scaler(values[:, columns]).scale(values[:, columns])
    correlation = np.atleast_2d(np.corrcoef(scaled, rowvar=False))
    kept: list[int] = []
    dropped: list[Dropped] = []
    for k in range(len(columns)):
        near = [j for j in kept if abs(correlation[j, k]) > limit]
        if near:
            j = max(near, key=lambda j: abs(correlation[j, k]))
            dropped.append(Dropped(int(columns[k]), int(columns[j]), float(correlation[j, k])))
        else:
            kept.append(k)
    return FeatureChoice(columns, columns[kept], tuple(dropped), correlation)


def fit_linear(values: Floats32, label: Ints, columns: Ints, offset: float = 0.0) -> Linear:
    """Return the pooled logistic regression."""
    from sklearn.linear_model import LogisticRegression

    scaler = fit_scaler(values[:, columns])
    model = LogisticRegression(C=0.1, max_iter=400)
    model.fit(scaler.scale(values[:, columns]), label)
    return Linear(columns, scaler, model.coef_[0].copy(), float(model.intercept_[0]) + offset)


def _fit_network(values: Floats32, label: Ints, columns: Ints, offset: float, seed: int) -> Trained:
    result = train_classic(values[:, columns], label, seed=seed).of_columns(columns)
    return Trained(replace(result.network, offset=offset), result)


def fit_trees(
    values: Floats32,
    label: Ints,
    columns: Ints,
    offset: float = 0.0,
    seed: int = 0,
    **settings: Any,
) -> Trees:
    """Return gradient-boosted trees; *settings* go to scikit-learn's trainer."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    chosen = {
        "learning_rate": 0.06,
        "max_iter": 150,
        "max_leaf_nodes": 12,
        "min_samples_leaf": 40,
        "l2_regularization": 5.0,
        "early_stopping": False,
        "random_state": seed,
        **settings,
    }
    model = HistGradientBoostingClassifier(**chosen)
    inputs = values[:, columns]
    inputs[:, np.isnan(inputs).all(axis=0)] = 0.0  # its binning fails on a column that is unknown
    model.fit(inputs, label)
    return trees_of(model, columns, offset)


def trees_of(model: Any, columns: Ints, offset: float = 0.0) -> Trees:
    """Return the nodes of a fitted scikit-learn gradient-boosting model."""
    nodes = [trees[0].nodes for trees in model._predictors]
    start = np.concatenate([[0], np.cumsum([len(n) for n in nodes])]).astype(np.int64)
    joined = np.concatenate(nodes)
    base = np.repeat(start[:-1], [len(n) for n in nodes])
    leaf = joined["is_leaf"].astype(bool)
    return Trees(
        columns,
        start[:-1],
        np.where(leaf, -1, joined["feature_idx"].astype(np.int64)),
        joined["num_threshold"].astype(np.float64),
        joined["left"].astype(np.int64) + base,
        joined["right"].astype(np.int64) + base,
        joined["missing_go_to_left"].astype(bool),
        joined["value"].astype(np.float64),
        float(np.ravel(model._baseline_prediction)[0]) + offset,
    )


def calibrate(
    log_odds: npt.NDArray[np.float64],
    label: npt.NDArray[np.int8],
    unit: npt.NDArray[np.integer[Any]],
    *,
    seed: int,
    replicates: int = 200,
    intercept_deviation: float = 10.0,
) -> ProbabilityCalibration:
    """Return the sigmoid fitted to labelled rows of a later slice.

    The slope is kept from turning negative, and a weak prior at (1, 0) keeps it where there are
    few failures: of deviation 1 and *intercept_deviation*, which is small where the log-odds mean
    something already.
    """
    random = np.random.default_rng(seed)
    names, code = np.unique(unit, return_inverse=True)
    # Rows are binned by score: the likelihood of a sigmoid needs no more.
    edges = np.unique(np.quantile(log_odds, np.linspace(0, 1, 400)))
    bin_of = np.searchsorted(edges, log_odds)
    size = len(edges) + 1
    rows = np.bincount(bin_of, minlength=size)
    score = np.bincount(bin_of, log_odds, size) / np.maximum(rows, 1)
    shape = (len(names), size)
    flat = code * size + bin_of
    total = np.bincount(flat, minlength=shape[0] * size).reshape(shape).astype(float)
    failed = np.bincount(flat, label == 1, minlength=shape[0] * size).reshape(shape)
    tie = intercept_deviation**-2
    best = fit_sigmoid(score, failed.sum(axis=0), total.sum(axis=0), tie)
    found = np.empty((replicates, 2))
    for k in range(replicates):
        weight = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        found[k] = fit_sigmoid(score, (weight @ failed).astype(float), weight @ total, tie, best)
    return ProbabilityCalibration(float(best[0]), float(best[1]), found)


def fit_sigmoid(
    score: npt.NDArray[np.float64],
    failed: npt.NDArray[np.float64],
    total: npt.NDArray[np.float64],
    tie: float,
    start: npt.NDArray[np.float64] | None = None,
    *,
    slope_tie: float = 1.0,
    centre: float = 0.0,
) -> npt.NDArray[np.float64]:
    """Return (slope, intercept) of binned log-odds, slope not below 0.

    Parameters
    ----------
    failed, total
        (bin,) how many rows failed, and how many there are.
    tie, slope_tie
        One over the variance that is expected beforehand, of the slope about 1 and of what is
        added at *centre* about 0.
    centre
        The log-odds that a slope turns about.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit

    def loss(p: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        x = p[0] * (score - centre) + centre + p[1]
        value = -(failed @ log_expit(x) + (total - failed) @ log_expit(-x))
        residual = total * expit(x) - failed
        away = slope_tie * (p[0] - 1.0)
        prior = 0.5 * away * (p[0] - 1.0) + 0.5 * tie * p[1] ** 2
        gradient = np.array([residual @ (score - centre) + away, residual.sum() + tie * p[1]])
        return float(value + prior), gradient

    first = np.array([1.0, 0.0]) if start is None else start
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=[(0.0, 10.0), (-60.0, 60.0)])
    slope, added = found.x
    return np.array([slope, added + centre - slope * centre])

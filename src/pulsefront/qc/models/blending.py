"""A blend of models: the prior, the hazard model and boosted trees, each by what it is worth.

The weights are learned on units that the parts were not trained on, in folds, and pulled towards
what is known before any data: all weight on the prior model, or on a control chart where there is
no prior. The pull is that of a normal prior of the weights, so that few failures leave them where
they are and many move them; the rows before one failure count as one failure, since they tell
nearly the same. Nothing is chosen: models that the data cannot tell apart are averaged.

Empirical Bayes, a linear model about the prior with its variance by marginal likelihood, is no
better: on ten fleets of twelve scanners it finds 107 of 124 failures and the blend 104, where the
prior is right and itself finds 108; on 24 fleets that the prior never learned from (`cameras`), 66
and 74 of 231. `tests/benchmarks/test_qc_prior_knowledge.py` compares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pulsefront.qc.features.samples import Samples
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.models.estimators import Blend, Estimator
from pulsefront.qc.models.training import calibrate, train
from pulsefront.qc.times import DAY_S

__all__ = ["BLENDED", "BlendRows", "Blended", "failures_of", "fit_weights", "train_blend"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLENDED = {"hazard": 6, "boosting": 30}
"""The models that a site's own data train within the blend, and from how many failures on: with
fewer, what they add is noise."""

_FOLDS = 2
_DEVIATION = 0.5  # of a weight about what is known beforehand
_BIAS_DEVIATION = 1.0


class BlendRows(NamedTuple):
    """Rows that the parts are trained on, and later ones that help to weigh them."""

    train: Ints
    later: Ints


@dataclass(frozen=True)
class Blended:
    """The blend, and the share that each of its parts has of the weights."""

    estimator: Blend
    shares: dict[str, float]


def train_blend(
    samples: Samples,
    rows: BlendRows,
    schema: FeatureSchema,
    *,
    columns: Ints,
    seed: int,
    prior: Estimator | None,
    span_days: int,
    trained: Mapping[str, Estimator] | None = None,
) -> Blended:
    """Return the blend trained on some rows.

    Parameters
    ----------
    prior
        The model to start from; the EWMA chart where there is none.
    span_days
        Lead and horizon together: rows of a component closer than that belong to one failure.
    trained
        Parts that were trained on the same rows already, by name.
    """
    chart = train(
        "ewma", samples.values[:0], samples.label[:0], schema, columns=columns, seed=seed
    ).estimator  # fmt: skip
    failures = failures_of(samples, rows.train, span_days)
    held = np.concatenate([rows.train, rows.later])
    start, first = (prior, "prior") if prior else (_meaning(chart, samples, held), "ewma")
    names = [name for name, least in BLENDED.items() if failures >= least]
    own = _held_out(samples, rows.train, held, names, schema, columns, seed) if names else None
    if own is None:
        return Blended(Blend((start,), np.ones(1)), {first: 1.0})
    judged = np.column_stack([start.log_odds(samples.values[held]), own])
    failed = samples.label[held] == 1
    per_failure = failed.sum() / max(failures_of(samples, held, span_days), 1)
    centre = np.array([1.0, *(0.0 for _ in names)])
    weights, bias = fit_weights(judged, failed, centre, max(float(per_failure), 1.0))
    made = trained or {}
    parts = [
        made.get(name) or _part(name, samples, rows.train, schema, columns, seed) for name in names
    ]
    total = max(float(weights.sum()), 1e-9)
    shares = {n: float(w) / total for n, w in zip((first, *names), weights, strict=True)}
    return Blended(Blend((start, *parts), weights, bias), shares)


def _meaning(chart: Estimator, samples: Samples, rows: Ints) -> Blend:
    """Return a chart whose log-odds mean what they say on some rows."""
    found = chart.log_odds(samples.values[rows])
    sigmoid = calibrate(found, samples.label[rows], samples.unit[rows], seed=0, replicates=1)
    return Blend((chart,), np.array([sigmoid.slope]), sigmoid.intercept)


def _held_out(
    samples: Samples,
    train_rows: Ints,
    held: Ints,
    names: Sequence[str],
    schema: FeatureSchema,
    columns: Ints,
    seed: int,
) -> Floats | None:
    """Return (row, part) log-odds of units that the parts have not seen; None where units lack."""
    units = np.unique(samples.unit[held])
    shuffled = np.random.default_rng(seed).permutation(units)
    fold = np.zeros(int(units.max()) + 1, dtype=np.int64)
    fold[shuffled] = np.arange(len(units)) % _FOLDS
    found = np.zeros((len(held), len(names)))
    for k in range(_FOLDS):
        seen = train_rows[fold[samples.unit[train_rows]] != k]
        if not {0, 1} <= set(np.unique(samples.label[seen]).tolist()):
            return None
        mine = np.flatnonzero(fold[samples.unit[held]] == k)
        for p, name in enumerate(names):
            part = _part(name, samples, seen, schema, columns, seed + k)
            found[mine, p] = part.log_odds(samples.values[held[mine]])
    return found


def _part(
    name: str, samples: Samples, rows: Ints, schema: FeatureSchema, columns: Ints, seed: int
) -> Estimator:
    return train(
        name, samples.values[rows], samples.label[rows], schema, columns=columns, seed=seed
    ).estimator  # fmt: skip


def failures_of(samples: Samples, rows: Ints, span_days: int) -> int:
    """Return how many failures the rows before one belong to."""
    rows = rows[samples.label[rows] == 1]
    component, when = samples.component[rows], samples.as_of_s[rows]
    order = np.lexsort((when, component))
    component, when = component[order], when[order]
    apart = (np.diff(component) != 0) | (np.diff(when) > span_days * DAY_S)
    return int(apart.sum()) + (len(rows) > 0)


def fit_weights(
    log_odds: Floats, failed: npt.NDArray[np.bool_], centre: Sequence[float] | Floats, many: float
) -> tuple[Floats, float]:
    """Return weights, none below 0, and the bias that suit the rows and what is known beforehand.

    Parameters
    ----------
    log_odds
        (row, part).
    centre
        (part,) weights that are expected before any row is seen.
    many
        How many rows count as one.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit

    expected = np.asarray(centre, dtype=float)
    sign = np.where(failed, 1.0, -1.0)

    def loss(p: Floats) -> tuple[float, Floats]:
        x = log_odds @ p[:-1] + p[-1]
        away = (p[:-1] - expected) / _DEVIATION
        value = -log_expit(sign * x).sum() / many
        value += 0.5 * (away @ away) + 0.5 * (p[-1] / _BIAS_DEVIATION) ** 2
        residual = (expit(x) - failed) / many
        gradient = np.append(
            log_odds.T @ residual + away / _DEVIATION,
            residual.sum() + p[-1] / _BIAS_DEVIATION**2,
        )
        return float(value), gradient

    bounds = [(0.0, 10.0)] * len(expected) + [(-20.0, 20.0)]
    found = minimize(loss, np.append(expected, 0.0), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[:-1]), float(found.x[-1])

"""A blend: the prior, the EWMA chart, the hazard model and boosted trees, each by its worth.

The weights are learned on units that the parts were not trained on, in folds, and pulled towards
what is expected before any data: half on the prior model and half on the chart, or all on the chart
where there is no prior. The pull is that of a normal prior of the weights, so that few failures
leave them where they are and many move them; the rows before one failure count as one failure,
since they tell nearly the same. Nothing is chosen: models that the data cannot tell apart are
averaged.

The chart is a part because the prior knows simulated fleets alone. Where a fleet is like those, the
half that the chart has costs next to nothing, since the prior's log-odds reach much further; where
it is not, the prior has false alarms of its own, which the chart does not confirm. On 21 fleets of
twelve cameras that the prior never learned from, the development seeds, the blend finds 59 of 183
failures with the chart, 49 without it, and the chart alone 55; on five fleets of twelve scanners
51, 52 and 30 of 57.

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
from pulsefront.qc.models.learners.estimators import Blend, Estimator
from pulsefront.qc.models.learners.training import rule_of, train
from pulsefront.qc.times import DAY_S

__all__ = [
    "BLENDED",
    "BlendRows",
    "Blended",
    "chart_in_log_odds",
    "failures_of",
    "fit_weights",
    "train_blend",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLENDED = {"hazard": 6, "boosting": 30}
"""The models that a site's own data train within the blend, and from how many failures on: with
fewer, what they add is noise."""

_CHART_SHARE = 0.5
"""Of the weights beside a prior model, before any failure is known."""

_CHART_SLOPE, _CHART_BIAS = 4.5, -9.5
"""Log-odds of failure by log(1 + sigmas) on the chart: a logistic model of single simulated fleets
had slopes of 4.8 to 6.1 on scanners and of 3.0 to 4.0 on cameras. A scale common to all units keeps
the order that the chart has; one of each fold's few failures did not."""

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
        The model to start from together with the EWMA chart; the chart alone where there is none.
    span_days
        Lead and horizon together: rows of a component closer than that belong to one failure.
    trained
        Parts that were trained on the same rows already, by name.
    """
    failures = failures_of(samples, rows.train, span_days)
    held = np.concatenate([rows.train, rows.later])
    chart = chart_in_log_odds(schema)
    begin = (prior, chart) if prior else (chart,)
    expected = np.array([1.0 - _CHART_SHARE, _CHART_SHARE] if prior else [1.0])
    first = ("prior", "ewma") if prior else ("ewma",)
    names = [name for name, least in BLENDED.items() if failures >= least]
    own = _held_out(samples, rows.train, held, names, schema, columns, seed) if names else None
    if own is None:
        shares = dict(zip(first, expected.tolist(), strict=True))
        return Blended(Blend(begin, expected), shares)
    judged = np.column_stack([*(p.log_odds(samples.values[held]) for p in begin), own])
    failed = samples.label[held] == 1
    per_failure = failed.sum() / max(failures_of(samples, held, span_days), 1)
    centre = np.concatenate([expected, np.zeros(len(names))])
    weights, bias = fit_weights(judged, failed, centre, max(float(per_failure), 1.0))
    made = trained or {}
    parts = [
        made.get(name) or _part(name, samples, rows.train, schema, columns, seed) for name in names
    ]
    total = max(float(weights.sum()), 1e-9)
    shares = {n: float(w) / total for n, w in zip((*first, *names), weights, strict=True)}
    return Blended(Blend((*begin, *parts), weights, bias), shares)


def chart_in_log_odds(schema: FeatureSchema) -> Blend:
    """Return the EWMA chart with log-odds that mean about what they say, on any fleet."""
    return Blend((rule_of("ewma", schema),), np.array([_CHART_SLOPE]), _CHART_BIAS)


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

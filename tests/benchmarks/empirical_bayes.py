"""A hazard model that starts from the prior model: what the blend is compared with.

The log-odds are those of the prior model, times a slope about 1, and a linear model of the site's
own, whose coefficients are normal about 0. Their variance is that of the largest marginal
likelihood (MacKay 1992, Neural Comput. 4, 415, "Bayesian interpolation", section 4), so that a site
that tells nothing leaves the prior as it is: empirical Bayes. Rows before one failure count as one,
and slope and bias are as free, as in `blending`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from pulsefront.qc.features.samples import Samples
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.models.learners.blending import Blended, BlendRows, failures_of
from pulsefront.qc.models.learners.estimators import Blend, Estimator, Linear, fit_scaler
from pulsefront.qc.models.learners.pooled import Pooled, bind_pooled

__all__ = ["Fitted", "fit_empirical_bayes", "train_empirical_bayes"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SLOPE_DEVIATION = 0.5
_BIAS_DEVIATION = 1.0
_STEPS = 60
_LEAST_VARIANCE = 1e-8
_NEGATIVES = 8_000


@dataclass(frozen=True)
class Fitted:
    """What was found: the coefficients by input, slope and bias, and the variance."""

    weights: Floats
    slope: float
    bias: float
    variance: float

    def log_odds(self, prior: Floats, inputs: Floats) -> Floats:
        """Return the log-odds of rows."""
        return np.asarray(self.slope * prior + self.bias + inputs @ self.weights)


def fit_empirical_bayes(
    prior: Floats, inputs: Floats, failed: npt.NDArray[np.bool_], weight: Floats
) -> Fitted:
    """Return coefficients at the largest posterior, and their variance.

    Parameters
    ----------
    prior
        (row,) log-odds of the prior model.
    inputs
        (row, input) scaled.
    weight
        (row,) how many independent rows each counts for.
    """
    size = inputs.shape[1]
    design = np.column_stack([inputs, prior, np.ones(len(prior))])
    centre = np.append(np.zeros(size), [1.0, 0.0])
    found, variance = centre.copy(), 0.01
    for _ in range(_STEPS):
        free = [_SLOPE_DEVIATION**-2.0, _BIAS_DEVIATION**-2.0]
        tie = np.append(np.full(size, 1.0 / variance), free)
        chance = expit(design @ found)
        gradient = design.T @ (weight * (chance - failed)) + tie * (found - centre)
        curved = (design * (weight * chance * (1.0 - chance))[:, None]).T @ design
        inverse = np.linalg.inv(curved + np.diag(tie))
        step = inverse @ gradient
        longest = float(np.abs(step).max())
        found = found - step * min(1.0, 2.0 / max(longest, 1e-12))
        told = size - float(np.trace(inverse[:size, :size])) / variance  # by the data
        before = variance
        variance = max(float(found[:size] @ found[:size]) / max(told, 1e-9), _LEAST_VARIANCE)
        if longest < 1e-4 and abs(np.log(variance / before)) < 0.01:
            break
    return Fitted(found[:size], float(found[size]), float(found[size + 1]), variance)


def train_empirical_bayes(
    samples: Samples,
    rows: BlendRows,
    schema: FeatureSchema,
    *,
    columns: Ints,
    seed: int,
    prior: Blend,
    span_days: int,
    trained: Mapping[str, Estimator] | None = None,
    pooled: bool = False,
) -> Blended:
    """Return the model trained on some rows, in the place of `blending.train_blend`.

    Parameters
    ----------
    pooled
        Whether the coefficients are those of the prior's pooled inputs, scaled as there, or of the
        site's own features.
    """
    held = np.concatenate([rows.train, rows.later])
    failed = samples.label[held] == 1
    quiet = np.flatnonzero(~failed)
    some = min(len(quiet), _NEGATIVES)
    chosen = np.random.default_rng(seed).choice(quiet, some, replace=False)
    used = np.concatenate([np.flatnonzero(failed), chosen])
    many = max(failed.sum() / max(failures_of(samples, held, span_days), 1), 1.0)
    weight = np.where(failed[used], 1.0, len(quiet) / some) / many
    values = samples.values[held[used]]
    first = prior.parts[0]
    if pooled and isinstance(first, Pooled) and isinstance(first.inner, Linear):
        inputs, scaler, at = first.inputs(values), first.inner.scaler, first.inner.columns
    else:
        inputs, scaler, at = values, fit_scaler(samples.values[rows.train][:, columns]), columns
    found = fit_empirical_bayes(
        prior.log_odds(values), scaler.scale(inputs[:, at]), failed[used], weight
    )
    own = Linear(at, scaler, found.weights, found.bias)
    parts = (prior, bind_pooled(own, schema) if pooled else own)
    return Blended(Blend(parts, np.array([found.slope, 1.0])), {"prior": found.slope})

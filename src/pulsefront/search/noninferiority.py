"""Paired comparison of networks over events and initializations, as one margin test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.record import Unbounded
from pulsefront.search.residual_metrics import Metric

__all__ = ["Figures", "MetricChange", "compare", "compare_figures", "event_groups"]

JACKKNIFE_GROUPS = 20
POWER = 0.8
"""Chance with which the test is to find what is there, as is usual where samples are planned."""


@dataclass(frozen=True)
class MetricChange:
    """Relative difference of a metric, candidate against reference: 0.02 is 2 % worse.

    ``low`` and ``high`` bound it at one-sided 95 % each; ``per_initialization`` (k,) are the
    differences whose mean is ``value``. ``needed`` is the least margin within which a candidate
    that is exactly as good as the reference would be shown to be, in 80 of 100 cases.
    """

    value: Unbounded
    low: Unbounded
    high: Unbounded
    per_initialization: tuple[Unbounded, ...]
    needed: Unbounded = math.inf

    def non_inferior(self, margin: float) -> bool:
        """Whether the candidate is worse by less than *margin*, at 95 % confidence."""
        return bool(self.high < margin)


def event_groups(
    events: int, labels: NDArray[np.integer] | None = None, *, seed: int = 0
) -> NDArray[np.intp]:
    """Return a jackknife group (event,) for each event.

    Events with one label (a source position) stay together, since they share its bias; without
    labels events are dealt at random.
    """
    random = np.random.default_rng(np.random.SeedSequence([0x67727073, seed]))
    if labels is None:
        return random.permutation(np.arange(events) % JACKKNIFE_GROUPS)
    unique, index = np.unique(labels, return_inverse=True)
    if len(unique) < JACKKNIFE_GROUPS:
        return event_groups(events, seed=seed)
    return random.permutation(np.arange(len(unique)) % JACKKNIFE_GROUPS)[index]


@dataclass(frozen=True)
class Figures:
    """A metric of k networks: over all events (k,), and without each group (group, k)."""

    whole: NDArray[np.float64]
    parts: NDArray[np.float64]

    @staticmethod
    def of(
        residuals: Sequence[NDArray[np.float64]], metric: Metric, groups: NDArray[np.intp]
    ) -> Figures:
        """Measure *residuals*, per network (event, n_out); *groups* as from `event_groups`."""
        rest = [groups != label for label in np.unique(groups)]
        return Figures(
            np.array([metric(one) for one in residuals]),
            np.array([[metric(one[kept]) for one in residuals] for kept in rest]),
        )


def compare(
    candidates: Sequence[NDArray[np.float64]],
    references: Sequence[NDArray[np.float64]],
    metric: Metric,
    groups: NDArray[np.intp],
) -> MetricChange:
    """Compare candidate k with reference k on the same events, over all initializations k.

    Parameters
    ----------
    candidates, references
        Per initialization residuals (event, n_out).
    groups
        (event,) from `event_groups`.
    """
    return compare_figures(
        Figures.of(candidates, metric, groups), Figures.of(references, metric, groups)
    )


def compare_figures(candidate: Figures, reference: Figures) -> MetricChange:
    """Compare what has been measured on the same events and groups.

    Notes
    -----
    Two things vary: the events (delete-a-group jackknife of the mean difference; Kott 2001) and
    the initialization (spread of the differences). Their variances add, and the critical value
    is Student's t at the Welch–Satterthwaite degrees of freedom, so that three initializations
    that disagree give a wide interval.
    """
    from scipy.stats import t as student

    whole = _relative(candidate.whole, reference.whole)
    count = len(whole)
    if not np.isfinite(whole).all():
        return MetricChange(np.inf, np.inf, np.inf, tuple(float(w) for w in whole))
    parts = _relative(candidate.parts, reference.parts).mean(1)
    blocks = len(parts)
    event_variance = (blocks - 1) / blocks * float(np.sum((parts - parts.mean()) ** 2))
    spread_variance = float(whole.var(ddof=1)) / count if count > 1 else 0.0
    variance = event_variance + spread_variance
    freedom_terms = event_variance**2 / (blocks - 1)
    if count > 1:
        freedom_terms += spread_variance**2 / (count - 1)
    freedom = variance**2 / freedom_terms if freedom_terms > 0 else float(blocks - 1)
    error = float(np.sqrt(variance))
    half = float(student.ppf(0.95, freedom)) * error
    value = float(whole.mean())
    return MetricChange(
        value,
        value - half,
        value + half,
        tuple(float(w) for w in whole),
        half + float(student.ppf(POWER, freedom)) * error,
    )


def _relative(
    candidate: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    # a reference without error: as good or infinitely worse
    perfect = reference == 0.0
    ratio = candidate / np.where(perfect, 1.0, reference) - 1.0
    return np.where(perfect, np.where(candidate == 0.0, 0.0, np.inf), ratio)

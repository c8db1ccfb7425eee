"""Which model ships, decided on unseen units at later times.

Where the blend is among the candidates it ships: it averages what the data cannot tell apart and
starts from a chart and the prior model, so there is nothing to pick. Only a control chart that
finds more failures at the stated rate of false alerts, by more than chance, takes its place.
Without the blend the simplest model ships that no other beats.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError
from pulsefront.evaluate.classification import pr_auc_statistic
from pulsefront.evaluate.intervals import bootstrap, mean_statistic
from pulsefront.qc.documents import Range
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.choice.alarm_rates import threshold_at_rate
from pulsefront.qc.models.choice.folds import Scores
from pulsefront.qc.models.choice.judged_alerts import alert_table
from pulsefront.qc.models.choice.protocol import BacktestSettings, thinned
from pulsefront.qc.models.learners.training import RULES
from pulsefront.qc.models.record import Comparison

__all__ = ["choose"]

Floats = npt.NDArray[np.float64]


def choose(
    fleet: Fleet, scores: Scores, settings: BacktestSettings
) -> tuple[str, tuple[Comparison, ...]]:
    """Return the model that ships, and each comparison made.

    Without the blend it is the simplest that no more complex one beats, judged on unseen units in
    the calibration part by the mean log loss, a proper score (Gneiting and Raftery 2007) of every
    component-day, which tells models apart with fewer failures than a ranking does. A model beats
    another when the interval of the difference, bootstrapped by unit, lies above zero. The gain in
    average precision stands beside it.
    """
    if "blend" in scores.candidates:
        return _blend_or_chart(fleet, scores, settings)
    samples = fleet.samples
    rows = scores.selection & (samples.label >= 0) & thinned(samples.as_of_s, fleet.spacing_s)
    rows &= scores.no_decision == ""
    label, unit = (samples.label[rows] == 1).astype(int), samples.unit[rows]
    if not label.any():
        return scores.candidates[0], ()
    current, made = scores.candidates[0], list[Comparison]()
    for name in scores.candidates[1:]:
        pair = (name, current)
        losses = [_log_loss(scores.probability[n][rows], label) for n in pair]
        precise = [pr_auc_statistic(scores.probability[n][rows], label) for n in pair]
        try:
            gain = bootstrap(
                mean_statistic(losses[1] - losses[0]), len(label), groups=unit,
                replicates=settings.bootstrap_replicates, confidence=settings.confidence,
                seed=settings.seed,
            )  # fmt: skip
        except DataError:
            break  # too few units to compare anything: the plainest model stays
        better = gain.low > 0
        every = np.ones(len(label))
        made.append(
            Comparison(
                model=name,
                against=current,
                gain_log_loss=gain.value,
                low=gain.low,
                high=gain.high,
                gain_average_precision=precise[0](every) - precise[1](every),
                better=better,
            )
        )
        if better:
            current = name
    return current, tuple(made)


def _blend_or_chart(
    fleet: Fleet, scores: Scores, settings: BacktestSettings
) -> tuple[str, tuple[Comparison, ...]]:
    """Return the blend, or the chart that finds more at the stated rate beyond its interval."""
    samples, rate = fleet.samples, settings.false_alert_rates[0]
    rows = scores.selection & (samples.label >= 0) & thinned(samples.as_of_s, fleet.spacing_s)
    rows &= scores.no_decision == ""
    label = (samples.label[rows] == 1).astype(int)
    found = {
        name: threshold_at_rate(alert_table(fleet, scores, name, scores.selection), rate)
        for name in ("blend", *(rule for rule in RULES if rule in scores.candidates))
    }
    blend = found.pop("blend")
    made = list[Comparison]()
    for name, chart in found.items():
        more = chart.failure_found.astype(float) - blend.failure_found
        try:
            gain = bootstrap(
                mean_statistic(more), len(more), groups=blend.failure_unit,
                replicates=settings.bootstrap_replicates, confidence=settings.confidence,
                seed=settings.seed,
            )  # fmt: skip
        except DataError:
            continue  # too few failures to compare anything: the blend stays
        losses = [_log_loss(scores.probability[n][rows], label) for n in (name, "blend")]
        made.append(
            Comparison(
                model=name,
                against="blend",
                gain_log_loss=float(np.mean(losses[1] - losses[0])) if len(label) else 0.0,
                low=None,
                high=None,
                gain_found=Range(value=gain.value, low=gain.low, high=gain.high),
                better=gain.low > 0,
            )
        )
    gains = {c.model: c.gain_found.value or 0.0 for c in made if c.better and c.gain_found}
    return max(gains, key=lambda name: gains[name], default="blend"), tuple(made)


def _log_loss(probability: Floats, label: npt.NDArray[np.int64]) -> Floats:
    p = np.clip(probability, 1e-9, 1.0 - 1e-9)
    return np.asarray(-np.where(label == 1, np.log(p), np.log1p(-p)))

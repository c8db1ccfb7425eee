"""Proof on a site's own history: unseen units, at later times, beside control charts and age.

The protocol of `folds` from end to end. Which model ships is decided on unseen units in the
*second* part of the time, so that the third part is used for one thing only.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.backtest.drift import drift_watch
from pulsefront.qc.backtest.fleet_size import fleet_size_curve
from pulsefront.qc.backtest.horizons import horizon_figures
from pulsefront.qc.backtest.judgement import (
    abstention,
    against_rules,
    by_cause,
    judge_model,
    subgroups,
)
from pulsefront.qc.backtest.nulls import sham_nulls
from pulsefront.qc.backtest.results import BacktestProtocol, BacktestResult
from pulsefront.qc.backtest.thresholds import thresholds_in_use
from pulsefront.qc.features.samples import Fleet, split_time
from pulsefront.qc.models.choice.alarm_rates import threshold_at_rate
from pulsefront.qc.models.choice.choose import choose
from pulsefront.qc.models.choice.folds import Scores, score_folds
from pulsefront.qc.models.choice.judged_alerts import alert_table
from pulsefront.qc.models.choice.protocol import BacktestSettings, failures_in, thinned
from pulsefront.qc.times import iso_date

__all__ = ["NOTHING_FAILED", "backtest"]

NOTHING_FAILED = (
    "Nothing failed in the last part of the history, so what a model would have found cannot be "
    "told: only how often it and the control charts would have raised a false alert."
)


def backtest(
    fleet: Fleet,
    settings: BacktestSettings | None = None,
    *,
    truth: pd.DataFrame | None = None,
    sizes: Sequence[int] = (),
    report: Report = silent,
) -> BacktestResult:
    """Return what the whole protocol finds.

    Parameters
    ----------
    truth
        Failures with cause, onset and the day they reach their limit, where a simulation knows.
    sizes
        Scanners that learn, for the curve over fleet size; none leaves it out, which takes as long
        as all the rest.

    Raises
    ------
    QCDataError
        The history is too short, or holds too few failures for candidates that all learn from them.
    """
    settings = settings or BacktestSettings()
    steps = settings.folds + len(settings.candidates) + 2
    scores = score_folds(fleet, settings, report=lambda done, _: report(done, steps))
    label = fleet.samples.label
    chosen, comparison = choose(fleet, scores, settings)
    thin = scores.test & (label >= 0) & thinned(fleet.samples.as_of_s, fleet.spacing_s)
    decided = thin & (scores.no_decision == "")
    if not decided.any():
        raise QCDataError(
            "no day of the last part of the history has a decision", remedy="give a longer history"
        )
    tables = {name: alert_table(fleet, scores, name, scores.test) for name in scores.candidates}
    models = {}
    for k, name in enumerate(scores.candidates):
        models[name] = judge_model(fleet, scores, tables[name], name, decided, settings)
        report(settings.folds + k + 1, steps)
    at_one = {
        n: threshold_at_rate(tables[n], settings.false_alert_rates[0]) for n in scores.candidates
    }
    result = BacktestResult(
        protocol=_protocol(fleet, scores, settings),
        chosen_model=chosen,
        choice=comparison,
        rows=int(decided.sum()),
        base_rate=float((label[decided] == 1).mean()),
        abstention_rate=abstention(scores, thin),
        models=models,
        beats_rules=against_rules(at_one, chosen, settings),
        thresholds_in_use=thresholds_in_use(fleet, scores, chosen, settings),
        subgroups=subgroups(fleet, scores, chosen, decided, at_one[chosen]),
        nulls=sham_nulls(fleet, settings, scores),
        horizons=horizon_figures(fleet, scores, chosen, settings),
        slow_drift=drift_watch(fleet, scores.test, truth),
        limits=_limits_in_words(fleet, scores),
        **scores.features.fields(fleet.schema.names),
    )
    if truth is not None:
        told = by_cause(fleet, at_one[chosen], truth)
        result = result.model_copy(update={"simulation_truth": told})
    if sizes:
        curve = fleet_size_curve(fleet, settings, sizes=sizes)
        result = result.model_copy(update={"fleet_size": curve})
    report(steps, steps)
    return result


def _protocol(fleet: Fleet, scores: Scores, settings: BacktestSettings) -> BacktestProtocol:
    second = split_time(fleet, settings.calibrate_until)
    return BacktestProtocol(
        units=len(fleet.units),
        components=len(fleet.components),
        first_day=iso_date(fleet.first_s),
        last_day=iso_date(fleet.last_s),
        train_until=iso_date(split_time(fleet, settings.train_until)),
        calibrate_until=iso_date(second),
        embargo_days=fleet.embargo_days,
        lead_days=fleet.target.lead_days,
        horizon_days=fleet.target.horizon_days,
        folds=settings.folds,
        seed=settings.seed,
        failures=failures_in(fleet, fleet.first_s, fleet.last_s),
        failures_in_training_part=scores.train_failures,
        failures_in_calibration_part=scores.calibration_failures,
        failures_in_test_part=failures_in(fleet, second, fleet.last_s),
        candidates=scores.candidates,
        left_out=scores.left_out,
        blend_shares=scores.shares,
        confidence=settings.confidence,
        assumed_records=fleet.assumed_records,
        assumed_delay_hours=fleet.assumed_delay_s / 3600.0,
    )


def _limits_in_words(fleet: Fleet, scores: Scores) -> tuple[str, ...]:
    public = (
        "No public longitudinal set of PET or SPECT quality control with failure labels exists; "
        "only a back-test on a site's own history shows what the model is worth there."
    )
    labels = (
        "Failures are what the service log calls corrective; a fault that nobody logged is "
        f"counted as none. The longest delay of a log entry was {fleet.label_delay_days:.1f} days."
    )
    thresholds = (
        "Choosing a threshold at a rate of false alerts uses the test part itself; the thresholds "
        "in use show what happens when it is set beforehand."
    )
    sudden = "Failures without a forerunner in daily QC cannot be foreseen by any model."
    words: tuple[str, ...] = (public, labels, sudden, thresholds)
    if "prior" in scores.shares:
        simulated = (
            "The prior model was trained on simulated fleets and has seen no real scanner: what it "
            "is worth on yours is what this back-test found."
        )
        words = (simulated, *words)
    without = [name for name in scores.left_out if name != "prior"]
    if without:
        ships = "prior" in scores.shares
        answer = "The model that ships and the control charts" if ships else "The control charts"
        few = (
            f"There are too few failures to learn from for: {', '.join(without)}. "
            f"{answer} answer until there are more."
        )
        words = (few, *words)
    if not (fleet.samples.label[scores.test] == 1).any():
        words = (NOTHING_FAILED, *words)
    if not fleet.assumed_records:
        return words
    assumed = (
        f"Nothing says when {fleet.assumed_records:,} records became known: they came into this "
        "store in a load of history. The back-test had to assume it, and took each to have been "
        f"known {fleet.assumed_delay_s / 3600.0:g} hours after it was measured, so that the "
        "nightly job of its day would have seen it. Logs that came later in truth, above all of "
        "services, make the figures look better than they are."
    )
    return (assumed, *words)

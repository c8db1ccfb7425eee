"""What the pipeline finds where there is nothing to find.

Two sham labels. *Shifted*: each unit's failures are moved round its history by a random time, so
that what came before them no longer fits, while units that fail often still do: above 0.5 only as
far as units differ in risk. *Swapped*: failures go to the same component of
another unit: 0.5 but for what the kind of component tells (a unit as a whole fails more often than
one of its modules).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pulsefront.evaluate.classification import roc_auc
from pulsefront.evaluate.intervals import t_interval
from pulsefront.qc.backtest.results import NULL_CONFIDENCE, ShamNull
from pulsefront.qc.features.samples import Fleet, split_time
from pulsefront.qc.models.choice.folds import Scores
from pulsefront.qc.models.choice.protocol import BacktestSettings, spaced, thinned
from pulsefront.qc.models.learners.training import train
from pulsefront.qc.times import DAY_S

__all__ = ["sham_labels", "sham_nulls"]

_LEAST_SHIFT_DAYS = 90


def sham_labels(fleet: Fleet, kind: str, random: np.random.Generator) -> npt.NDArray[np.int8]:
    """Return labels from failures that were *shifted* or *swapped*; −1 where follow-up is short."""
    length = fleet.last_s - fleet.first_s
    times = list(fleet.failures_s)
    unit_of = np.array([unit for unit, _ in fleet.components])
    if kind == "shifted":
        least = min(_LEAST_SHIFT_DAYS * DAY_S, length // 4)
        shift = random.integers(least, length - least, len(fleet.units))
        times = [
            np.sort(fleet.first_s + (t - fleet.first_s + shift[u]) % length)
            for t, u in zip(times, unit_of, strict=True)
        ]
    else:
        names = [name for _, name in fleet.components]
        index = {pair: k for k, pair in enumerate(fleet.components)}
        other = _derangement(len(fleet.units), random)
        nothing = np.zeros(0, dtype=np.int64)
        sources = [index.get((int(other[u]), n)) for u, n in zip(unit_of, names, strict=True)]
        times = [nothing if k is None else times[k] for k in sources]
    samples, target = fleet.samples, fleet.target
    label = np.zeros(len(samples), dtype=np.int8)
    order = np.argsort(samples.component, kind="stable")
    starts = np.searchsorted(samples.component[order], np.arange(len(times) + 1))
    for c, failures in enumerate(times):
        rows = order[starts[c] : starts[c + 1]]
        begin = samples.as_of_s[rows] + target.lead_days * DAY_S
        upto = samples.as_of_s[rows] + target.span_days * DAY_S
        first = np.searchsorted(failures, begin, side="right")
        label[rows] = np.searchsorted(failures, upto, side="right") > first
    label[samples.as_of_s + target.span_days * DAY_S > fleet.last_s] = -1
    return label


def _derangement(size: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a permutation that leaves nothing in its place: a random cycle."""
    order = random.permutation(size)
    result = np.empty(size, dtype=np.int64)
    result[order] = np.roll(order, 1)
    return result


def sham_nulls(fleet: Fleet, settings: BacktestSettings, scores: Scores) -> dict[str, ShamNull]:
    """Return the ROC AUC of the hazard model trained and judged on sham labels.

    The range *expected* holds where the pipeline leaks nothing: from 0.5 up to what knowing the
    failure rates would give, of the kinds of component for swapped labels, of every unit and kind
    for shifted ones.
    """
    if settings.null_repeats < 2:
        return {}
    return {kind: _null(fleet, settings, scores, kind) for kind in ("swapped", "shifted")}


def _null(fleet: Fleet, settings: BacktestSettings, scores: Scores, kind: str) -> ShamNull:
    samples = fleet.samples
    first_cut = split_time(fleet, settings.train_until) - fleet.embargo_days * DAY_S
    early = samples.as_of_s <= first_cut
    early &= spaced(samples.as_of_s, max(fleet.spacing_s, DAY_S))
    late = scores.test & thinned(samples.as_of_s, fleet.spacing_s)
    is_whole = np.array([name == "" for _, name in fleet.components])
    whole = is_whole[samples.component].astype(np.int64)
    group = whole if kind == "swapped" else 2 * samples.unit + whole
    found, ceiling = [], []
    for repeat in range(settings.null_repeats):
        random = np.random.default_rng([settings.seed, repeat, kind == "shifted"])
        label = sham_labels(fleet, kind, random)
        held = random.permutation(len(fleet.units)) % 5 == 0
        mine = held[samples.unit]
        training = np.flatnonzero(early & ~mine & (label >= 0))
        judged = np.flatnonzero(late & mine & (label >= 0))
        if not (label[training] == 1).any() or len(set(label[judged] == 1)) < 2:
            continue
        model = train(
            "hazard", samples.values[training], label[training], fleet.schema,
            columns=scores.features.kept, seed=repeat,
        ).estimator  # fmt: skip
        found.append(roc_auc(model.log_odds(samples.values[judged]), label[judged] == 1))
        failed = np.bincount(group, label == 1) / np.maximum(np.bincount(group), 1)
        ceiling.append(roc_auc(failed[group[judged]], label[judged] == 1))
    if len(found) < 2:
        return ShamNull(repeats=len(found))
    interval = t_interval(found, NULL_CONFIDENCE)
    top = max(float(np.mean(ceiling)), 0.5)
    return ShamNull(
        repeats=len(found),
        roc_auc=interval.value,
        low=interval.low,
        high=interval.high,
        expected_low=0.5,
        expected_high=top,
        within_expected=bool(interval.high >= 0.5 and interval.low <= top),
        values=tuple(np.round(found, 4).tolist()),
        confidence=NULL_CONFIDENCE,
    )

"""The protocol of a back-test: which units and which times train, calibrate and are judged.

Time is cut in three. Models are trained on the first part, calibrated on the second, judged on
the third; between the parts lies an embargo as long as the horizon and the longest delay of a
label, so that no label of one part reaches into the next. Units are cut in folds: a model is
judged on units it has never seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.qc.features.samples import Fleet, split_time
from pulsefront.qc.models.learners.training import CANDIDATES
from pulsefront.qc.times import DAY_S

__all__ = [
    "BacktestSettings",
    "TimeParts",
    "failures_in",
    "one_in_seven",
    "parts_of_time",
    "spaced",
    "thinned",
    "unit_folds",
]

Bools = npt.NDArray[np.bool_]

_WEEK_S = 7 * DAY_S


class BacktestSettings(FrozenModel):
    """The protocol. Shares are of the time from the first to the last record.

    Without *prior* the blend starts from the EWMA chart alone, not from the model that ships too.
    """

    folds: int = 5
    train_until: float = 0.45
    calibrate_until: float = 0.62
    candidates: tuple[str, ...] = CANDIDATES
    prior: bool = True
    false_alert_rates: tuple[float, ...] = (1.0, 2.0, 6.0)
    null_repeats: int = 20
    bootstrap_replicates: int = 300
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    seed: int = 0


class TimeParts(NamedTuple):
    """The rows of the parts of time; ``between`` is the embargo before the last one."""

    early: Bools
    middle: Bools
    between: Bools
    late: Bools


def parts_of_time(fleet: Fleet, settings: BacktestSettings) -> TimeParts:
    """Return which rows train, calibrate and are judged; an embargo lies between the parts."""
    when = fleet.samples.as_of_s
    embargo_s = fleet.embargo_days * DAY_S
    first_cut = split_time(fleet, settings.train_until)
    second_cut = split_time(fleet, settings.calibrate_until)
    late = when >= second_cut
    return TimeParts(
        early=when <= first_cut - embargo_s,
        middle=(when >= first_cut) & (when <= second_cut - embargo_s),
        between=(when > second_cut - embargo_s) & ~late,
        late=late,
    )


def thinned(as_of_s: npt.NDArray[np.int64], spacing_s: int = _WEEK_S) -> Bools:
    """Return the rows of instants *spacing_s* apart: those in between tell nearly the same.

    Metrics by row use the fleet's `spacing_s`.
    """
    return np.asarray(as_of_s % spacing_s == 0)


def spaced(as_of_s: npt.NDArray[np.int64], spacing_s: int) -> Bools:
    """Return the rows of instants at least *spacing_s* apart, beginning with the first."""
    kept: list[int] = []
    for instant_s in np.unique(as_of_s).tolist():
        if not kept or instant_s >= kept[-1] + spacing_s:
            kept.append(instant_s)
    return np.isin(as_of_s, kept)


def one_in_seven(as_of_s: npt.NDArray[np.int64]) -> Bools:
    """Return the rows of days at least seven apart, whichever days of the week a fleet has."""
    return spaced(as_of_s, _WEEK_S)


def unit_folds(fleet: Fleet, settings: BacktestSettings) -> npt.NDArray[np.int64]:
    """Return a fold per unit; sites, and units with many and few failures, are spread evenly.

    Fewer units than folds make a fold each. No splitter of scikit-learn spreads whole units by
    both.
    """
    counts = np.zeros(len(fleet.units))
    for (unit, _), times in zip(fleet.components, fleet.failures_s, strict=True):
        counts[unit] += len(times)
    shuffle = np.random.default_rng(settings.seed).random(len(fleet.units))
    order = sorted(range(len(fleet.units)), key=lambda u: (fleet.sites[u], -counts[u], shuffle[u]))
    fold = np.empty(len(fleet.units), dtype=np.int64)
    fold[order] = np.arange(len(order)) % min(settings.folds, len(fleet.units))
    return fold


def failures_in(fleet: Fleet, from_s: int, upto_s: int) -> int:
    """Return how many failures of the fleet fall within a span of time."""
    return int(sum(((t > from_s) & (t <= upto_s)).sum() for t in fleet.failures_s))

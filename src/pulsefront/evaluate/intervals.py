"""Intervals by resampling: of one metric, of a paired difference, over initializations.

A bootstrap draws event weights (how often each event, or each whole group of events, was
resampled) and evaluates a `Statistic` (see `statistics`) under each. SciPy's, with which the tests
compare it, resamples single events alone and hands the metric new data instead of weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.read_width import PointSpreadWidth, ReadWidth
from pulsefront.evaluate.statistics import (
    Statistic,
    central_width_statistic,
    difference,
    fwhm_statistic,
    mean_statistic,
    median_statistic,
    point_spread_statistic,
    quantile_statistic,
    ratio,
    relative_gain,
)

__all__ = [
    "Interval",
    "Statistic",
    "bootstrap",
    "bootstrap_replicates",
    "central_width_statistic",
    "difference",
    "fold_interval",
    "fwhm_statistic",
    "mean_statistic",
    "median_statistic",
    "point_spread_statistic",
    "quantile_statistic",
    "ratio",
    "relative_gain",
    "t_interval",
]

Float = NDArray[np.float64]

METHODS = ("percentile", "expanded", "bca")

_JACKKNIFE_BLOCKS = 200


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval, all in one unit."""

    value: float
    low: float
    high: float
    confidence: float = 0.95

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0

    def scaled(self, factor: float) -> Interval:
        """Return the interval in another unit."""
        ends = sorted((self.low * factor, self.high * factor))
        return Interval(self.value * factor, ends[0], ends[1], self.confidence)

    def as_dict(self, name: str) -> dict[str, float]:
        """Return plain numbers under ``name``, ``name_low`` and ``name_high``."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def __str__(self) -> str:
        """Return ``value [low, high]`` with as many digits as the interval supports."""
        return self._told("")

    @property
    def signed(self) -> str:
        """The same with a sign on every number, for what is more or less than another."""
        return self._told("+")

    def _told(self, sign: str) -> str:
        spread = self.high - self.low
        if math.isfinite(spread) and spread > 0:
            form = f".{max(0, 1 - math.floor(math.log10(spread)))}f"
        else:
            form = ".4g"
        # A zero has no sign, whatever it was rounded from.
        value, low, high = (
            f"{one:{'' if float(f'{one:{form}}') == 0 else sign}z{form}}"
            for one in (self.value, self.low, self.high)
        )
        return f"{value} [{low}, {high}]"


def _group_index(groups: ArrayLike | None, events: int) -> NDArray[np.int64]:
    if groups is None:
        return np.arange(events)
    labels = np.asarray(groups)
    if len(labels) != events:
        raise DataError(
            "groups and events differ in length", field="groups", value=(len(labels), events)
        )
    _, index = np.unique(labels, axis=0 if labels.ndim > 1 else None, return_inverse=True)
    return np.asarray(index).reshape(-1)


def bootstrap_replicates(
    statistic: Statistic,
    events: int,
    *,
    groups: ArrayLike | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> Float:
    """Return the statistic of *replicates* resampled data sets, (replicate,).

    Parameters
    ----------
    statistic
        The metric as a function of event weights.
    events
        How many events it was prepared from.
    groups
        (event,) or (event, k) labels; whole groups (positions, runs, units) are resampled, as
        they must be where events of a group are not independent. None resamples single events.
    replicates, seed
        How many, and from which random stream.

    Raises
    ------
    DataError
        No events, or a single group, or labels of another length.
    """
    index, count = _units(events, groups)
    random = np.random.default_rng(seed)
    result = np.empty(replicates)
    for replicate in range(replicates):
        drawn = _drawn(random, count).astype(np.float64)
        result[replicate] = statistic(drawn if groups is None else drawn[index])
    return result


def _units(events: int, groups: ArrayLike | None) -> tuple[NDArray[np.int64], int]:
    """Return the number of each event's group, and how many groups there are to resample."""
    if events < 1:
        raise DataError("there are no events to resample", field="events", value=events)
    index = _group_index(groups, events)
    count = int(index.max()) + 1
    if groups is not None and count < 2:
        raise DataError(
            "a single group cannot be resampled",
            field="groups",
            value=count,
            remedy="leave groups out to resample events",
        )
    return index, count


def _drawn(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Return how often each of *count* groups is drawn."""
    return np.bincount(random.integers(0, count, count), minlength=count)


def bootstrap(
    statistic: Statistic,
    events: int,
    *,
    groups: ArrayLike | None = None,
    replicates: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    method: str = "percentile",
) -> Interval:
    """Return the bootstrap interval of a statistic.

    Parameters
    ----------
    method
        ``"percentile"``; ``"expanded"``: the same with ends further out where few events or groups
        were drawn, as Student's t has them (Hesterberg 2015, section 4.3), and of widths that are
        read from a histogram by drawing from a smooth curve (see `read_width`); or ``"bca"``:
        bias-corrected and accelerated (Efron 1987, eq. 2.3), the acceleration from a jackknife
        over at most 200 blocks of events or groups.

    Raises
    ------
    DataError
        As `bootstrap_replicates`; or replicates that are not finite (too few events).
    """
    if method not in METHODS:
        raise DataError(
            "unknown method", field="method", value=method, remedy=f"one of {', '.join(METHODS)}"
        )
    _units(events, groups)
    value = float(statistic(np.ones(events)))
    if method == "expanded" and isinstance(statistic, ReadWidth | PointSpreadWidth):
        read = _of_smooth_curve(statistic, value, events, groups, replicates, confidence, seed)
        if read is not None:
            return read
    found = bootstrap_replicates(statistic, events, groups=groups, replicates=replicates, seed=seed)
    if not (np.isfinite(found).all() and np.isfinite(value)):
        raise DataError(
            "the metric is undefined in some resampled sets",
            field="statistic",
            value=int((~np.isfinite(found)).sum()),
            remedy="there are too few events or groups for an interval",
        )
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if method == "expanded":
        tails = _expanded_tails(tails, int(_group_index(groups, events).max()) + 1)
    elif method == "bca":
        tails = _bca_tails(statistic, value, found, tails, _group_index(groups, events))
    low, high = np.quantile(found, tails)
    return Interval(value, float(low), float(high), confidence)


def _of_smooth_curve(
    statistic: ReadWidth | PointSpreadWidth,
    value: float,
    events: int,
    groups: ArrayLike | None,
    replicates: int,
    confidence: float,
    seed: int,
) -> Interval | None:
    """Return the interval of a read width; None where the smooth curve gives none.

    A reading is to the width that is sought as one of events drawn from the curve is to the
    curve's own.
    """
    index, count = _units(events, groups)
    random = np.random.default_rng(seed)
    if groups is None:
        found = statistic.redrawn(random, replicates)
    else:
        every = np.arange(events)
        drawn = (np.repeat(every, _drawn(random, count)[index]) for _ in range(replicates))
        found = np.array([statistic.moved(random, some) for some in drawn])
    own = statistic.own_width
    if not (own > 0 and value > 0 and np.isfinite(found).all() and (found > 0).all()):
        return None
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    high, low = value * own / np.quantile(found, _expanded_tails(tails, count))
    # A reading that is all bias lies beside its interval, which is told with the reading in it.
    return Interval(value, min(float(low), value), max(float(high), value), confidence)


def _expanded_tails(tails: Float, units: int) -> Float:
    """Return the shares of replicates that the ends lie at, for so many independent units.

    A resampled mean of n varies less than a mean by √((n − 1) / n), and its ends are those of a
    normal: both are small where n is.
    """
    from scipy import special, stats

    if units < 2:
        return tails
    return np.asarray(special.ndtr(np.sqrt(units / (units - 1)) * stats.t.ppf(tails, units - 1)))


def _bca_tails(
    statistic: Statistic, value: float, found: Float, tails: Float, index: NDArray[np.int64]
) -> Float:
    from scipy import special

    share = (np.sum(found < value) + 0.5 * np.sum(found == value)) / len(found)
    share = float(np.clip(share, 0.5 / len(found), 1 - 0.5 / len(found)))
    correction = float(special.ndtri(share))
    count = int(index.max()) + 1
    blocks = min(count, _JACKKNIFE_BLOCKS)
    # Interleaved, not contiguous: events of one position often lie together.
    block_of_event = (np.arange(count) % blocks)[index]
    left_out = np.array(
        [statistic((block_of_event != b).astype(np.float64)) for b in range(blocks)]
    )
    deviation = left_out.mean() - left_out
    spread = float((deviation**2).sum())
    acceleration = float((deviation**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    # Deleting a block of m events instead of one shrinks the skewness by sqrt(m).
    acceleration *= math.sqrt(blocks / count)
    shifted = correction + special.ndtri(tails)
    return np.asarray(special.ndtr(correction + shifted / (1 - acceleration * shifted)))


def fold_interval(values: ArrayLike, test_share: float, confidence: float = 0.95) -> Interval:
    """Return mean and interval over the folds of a cross validation.

    Folds share most of their training events, so that their spread understates that of the mean:
    the corrected resampled t interval (Nadeau and Bengio 2003, eq. 9) takes 1/k + test/train in
    the place of 1/k.

    Parameters
    ----------
    values
        One for each fold.
    test_share
        Test events of a fold over its training events.

    Raises
    ------
    DataError
        Fewer than two values, values not finite, or a share that is negative.
    """
    from scipy import stats

    data = np.asarray(values, dtype=np.float64).ravel()
    if data.size < 2 or not np.isfinite(data).all() or not test_share >= 0:
        raise DataError(
            "an interval over folds needs at least two finite values and a share",
            field="values",
            value=(data.size, test_share),
        )
    mean, variance = float(data.mean()), float(data.var(ddof=1))
    error = math.sqrt(variance * (1 / data.size + test_share))
    half = float(stats.t.ppf((1 + confidence) / 2, data.size - 1)) * error
    return Interval(mean, mean - half, mean + half, confidence)


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return mean and Student's t interval over independent repetitions (initializations).

    Raises
    ------
    DataError
        Fewer than two values, or values not finite.
    """
    from scipy import stats

    data = np.asarray(values, dtype=np.float64).ravel()
    if data.size < 2 or not np.isfinite(data).all():
        raise DataError(
            "an interval over repetitions needs at least two finite values",
            field="values",
            value=data.size,
        )
    mean = float(data.mean())
    half = float(stats.t.ppf((1 + confidence) / 2, data.size - 1) * stats.sem(data))
    return Interval(mean, mean - half, mean + half, confidence)

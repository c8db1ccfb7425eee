"""Statistics of one series of readings that look back only, updated record by record.

Records are taken in the order in which they became known, so the state at an instant depends on
nothing that became known later: features are as-of by construction, and the cost is linear in the
number of records. All that the records so far leave behind is one `STATE`; with it, the statistics
go on at any later record, to the same bits.

A *limit unit* is half the width of the tolerance band of the test (of the action band where there
is no tolerance; three baseline sigmas where there are no limits at all).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = [
    "KNOWN",
    "LATER_STATISTICS",
    "STATE",
    "STATISTICS",
    "STATISTICS_RECORD",
    "Readings",
    "fresh_state",
    "trailing_statistics",
]

STATISTICS = (
    "z",  # robust z of the last reading against the baseline, in size
    "ewma",  # exponentially weighted mean of z, weight 0.2, in size
    "cusum",  # larger of the two CUSUM sums of z, slack 0.5
    "moving_range",  # mean step between readings over its baseline value
    "run",  # readings in a row on one side of the baseline by more than a sigma
    "level",  # distance of the last reading from its reference, in limit units
    "level_mean",  # the same, exponentially weighted over about 5 records
    "slope",  # limit units in 30 days, memory 15 days, in size
    "slope_slow",  # limit units in 30 days, memory 60 days, in size
    "absorbed",  # what baseline resets have hidden, in limit units, forgotten over 180 days
)

LATER_STATISTICS = (
    "ewma_slow",  # exponentially weighted mean of z, weight 0.05, in size
    "projected",  # where the trend of 15 days leads to in 30 days, in limit units
    "rise_day",  # mean of about a day above the mean of about a month, in limit units
    "fall_day",  # … below it
    "rise_week",  # mean of about a week above the mean of about a month, in limit units
    "fall_week",  # … below it
    "step",  # change of the mean level over the last reset of the baseline, in limit units
)
"""Statistics that schemas of version 2 have as well."""

STATISTICS_RECORD = np.dtype([(name, np.float32) for name in (*STATISTICS, *LATER_STATISTICS)])
"""The statistics of a series at one instant."""

KNOWN = np.dtype(
    [
        ("level_mean", np.float64),  # with its sign
        ("ewma", np.float64),  # with its sign, NaN before there is enough
        ("records", np.int64),  # since the baseline began
        ("last_measured_s", np.int64),  # −1 before the first record
    ]
)
"""What else is known of a series at one instant."""

_BASELINE_RECORDS = 20
_LEAST_RECORDS = 3
_LEAST_FOR_SPREAD = 8
_CLIP = 50.0
_DAY_S = 86_400.0
_MEMORY_DAYS, _SLOW_MEMORY_DAYS, _ABSORBED_DAYS = 15.0, 60.0, 180.0
_MEAN_MEMORIES_DAYS = (1.0, 7.0, 30.0)

_TREND = np.dtype([(name, np.float64) for name in ("weight", "t", "tt", "level", "t_level")])
"""Weighted sums of 1, t, t², level and t·level; t in days from the newest reading, not above 0."""

_MEAN = np.dtype([("weight", np.float64), ("total", np.float64)])
"""Weighted sums of 1 and of the reading; the newest reading has weight 1."""

STATE = np.dtype(
    [
        ("filled", np.int64),  # readings in the baseline
        ("total", np.int64),  # records since the baseline began
        ("mean", np.float64),  # of the baseline, robust
        ("sigma", np.float64),
        ("ewma", np.float64),
        ("cusum_up", np.float64),
        ("cusum_down", np.float64),
        ("moving_range", np.float64),
        ("run", np.int64),
        ("side", np.int64),
        ("level", np.float64),
        ("level_mean", np.float64),
        ("z", np.float64),
        ("previous", np.float64),  # the last reading of this baseline
        ("absorbed", np.float64),
        ("absorbed_day", np.float64),
        ("last_measured_s", np.int64),
        ("last_width", np.float64),
        ("newest_day", np.float64),
        ("services_seen", np.int64),
        ("fast", _TREND),
        ("slow", _TREND),
        ("ewma_slow", np.float64),
        ("means", _MEAN, (len(_MEAN_MEMORIES_DAYS),)),
        ("level_before", np.float64),  # mean level when the baseline began
        ("baseline", np.float64, (_BASELINE_RECORDS,)),
    ]
)
"""What the records of one series leave behind."""

_UNKNOWN_AT_FIRST = (
    "mean",
    "sigma",
    "level",
    "level_mean",
    "z",
    "previous",
    "last_width",
    "level_before",
)


class Readings(NamedTuple):
    """One series, (record,) each, sorted by *known_s*.

    ``centre`` and ``half_width`` are reference and limit unit of each reading, NaN where it has
    none; ``new_baseline`` tells whether it belongs to another baseline than the one before.
    """

    value: npt.NDArray[np.float64]
    measured_s: npt.NDArray[np.int64]
    known_s: npt.NDArray[np.int64]
    centre: npt.NDArray[np.float64]
    half_width: npt.NDArray[np.float64]
    new_baseline: npt.NDArray[np.bool_]


def fresh_state(series: int) -> npt.NDArray[np.void]:
    """Return the (series,) `STATE` before the first record."""
    state = np.zeros(series, dtype=STATE)
    for name in _UNKNOWN_AT_FIRST:
        state[name] = np.nan
    state["last_measured_s"] = -1
    return state


@njit(nogil=True, cache=True)
def trailing_statistics(
    readings: Readings,
    service_known_s: npt.NDArray[np.int64],
    as_of_s: npt.NDArray[np.int64],
    statistics: npt.NDArray[np.void],
    known: npt.NDArray[np.void],
    states: npt.NDArray[np.void],
    series: int,
) -> None:
    """Fill the statistics of one series at each as-of instant.

    Parameters
    ----------
    service_known_s
        (service,) sorted times at which a service that restarts the baseline became known.
    as_of_s
        (as_of,) sorted instants.
    statistics, known
        (as_of,) `STATISTICS_RECORD`, NaN before there is enough, and `KNOWN`.
    states, series
        (series,) `STATE` and the index of this one's, which says what earlier records left behind
        (`fresh_state` before the first); it is overwritten with what stands after the records known
        at the last instant. A single record as argument would take longer to pass than a short
        series to run.
    """
    state = states[series]
    i = 0
    for d in range(len(as_of_s)):
        while i < len(readings.value) and readings.known_s[i] <= as_of_s[d]:
            restart = readings.new_baseline[i]
            while (
                state.services_seen < len(service_known_s)
                and service_known_s[state.services_seen] <= readings.known_s[i]
            ):
                restart = True
                state.services_seen += 1
            day = readings.measured_s[i] / _DAY_S
            if restart and state.total > 0:
                _restart(state, day)
            state.last_measured_s = max(state.last_measured_s, readings.measured_s[i])
            if not np.isnan(readings.value[i]):
                _take(state, day, readings.value[i], readings.centre[i], readings.half_width[i])
            i += 1
        known[d].level_mean = state.level_mean
        known[d].ewma = state.ewma if _enough(state) else np.nan
        known[d].records = state.total
        known[d].last_measured_s = state.last_measured_s
        _tell(state, as_of_s[d], statistics[d])


@njit(nogil=True, cache=True)
def _take(state, day, y, centre, half_width):  # type: ignore[no-untyped-def]
    """Let a reading change the state."""
    if state.filled < _BASELINE_RECORDS:
        _learn_baseline(state, y, half_width)
    width = half_width
    if np.isnan(width) and not np.isnan(state.sigma):
        width = 3.0 * state.sigma
    state.last_width = width
    state.total += 1
    origin = centre if not np.isnan(centre) else state.mean
    level = min(max((y - origin) / width, -_CLIP), _CLIP)
    if np.isnan(state.level_mean) or np.isnan(level):
        state.level_mean = level
    else:
        state.level_mean += 0.3 * (level - state.level_mean)
    state.level = level
    if not np.isnan(state.sigma):
        _update_charts(state, y)
    state.previous = y
    if not np.isnan(level):
        _update_trends(state, day, y)


@njit(nogil=True, cache=True)
def _restart(state, day):  # type: ignore[no-untyped-def]
    """Begin a new baseline; what the old one had drifted is remembered as absorbed."""
    if day > state.absorbed_day:
        state.absorbed *= np.exp(-(day - state.absorbed_day) / _ABSORBED_DAYS)
    state.absorbed_day = day
    if state.total >= _LEAST_RECORDS and not np.isnan(state.mean):
        width = state.last_width if not np.isnan(state.last_width) else 3.0 * state.sigma
        state.absorbed += state.ewma * state.sigma / width
        state.level_before = state.level_mean
    state.filled = state.total = state.run = state.side = 0
    for k in range(len(_MEAN_MEMORIES_DAYS)):
        state.means[k].weight = state.means[k].total = 0.0
    state.ewma = state.ewma_slow = state.cusum_up = state.cusum_down = 0.0
    state.previous = np.nan
    _clear(state.fast)
    _clear(state.slow)


@njit(nogil=True, cache=True)
def _clear(trend):  # type: ignore[no-untyped-def]
    trend.weight = trend.t = trend.tt = trend.level = trend.t_level = 0.0


@njit(nogil=True, cache=True)
def _learn_baseline(state, y, half_width):  # type: ignore[no-untyped-def]
    """Add a reading to the baseline; its mean and sigma are median and scaled MAD."""
    state.baseline[state.filled] = y
    state.filled += 1
    readings = state.baseline[: state.filled]
    state.mean = np.median(readings)
    if state.filled >= _LEAST_FOR_SPREAD:
        spread = 1.4826 * np.median(np.abs(readings - state.mean))
        floor = 0.02 * half_width if not np.isnan(half_width) else 0.0
        state.sigma = max(spread, floor, 1e-9 + 1e-6 * abs(state.mean))


@njit(nogil=True, cache=True)
def _update_charts(state, y):  # type: ignore[no-untyped-def]
    """Let a reading change z, EWMA, CUSUM, moving range and run."""
    z = min(max((y - state.mean) / state.sigma, -_CLIP), _CLIP)
    state.z = z
    state.ewma += 0.2 * (z - state.ewma)
    state.ewma_slow += 0.05 * (z - state.ewma_slow)
    state.cusum_up = min(max(state.cusum_up + z - 0.5, 0.0), 4 * _CLIP)
    state.cusum_down = min(max(state.cusum_down - z - 0.5, 0.0), 4 * _CLIP)
    if not np.isnan(state.previous):
        step = min(abs(y - state.previous) / (1.128 * state.sigma), _CLIP)
        state.moving_range += 0.15 * (step - state.moving_range)
    side = 1 if z > 1.0 else (-1 if z < -1.0 else 0)
    if side == 0:
        state.run = 0
    else:
        state.run = state.run + 1 if side == state.side else 1
    state.side = side


@njit(nogil=True, cache=True)
def _update_trends(state, day, y):  # type: ignore[no-untyped-def]
    """Let a reading change both trends and the means."""
    shift = day - state.newest_day if state.total > 1 else 0.0
    t = 0.0
    if shift < 0.0:  # measured before the newest one, and known after it
        t, shift = shift, 0.0
    else:
        state.newest_day = day
    _update_trend(state.fast, _MEMORY_DAYS, shift, t, state.level)
    _update_trend(state.slow, _SLOW_MEMORY_DAYS, shift, t, state.level)
    for k in range(len(_MEAN_MEMORIES_DAYS)):
        mean, memory_days = state.means[k], _MEAN_MEMORIES_DAYS[k]
        fade, weight = np.exp(-shift / memory_days), np.exp(t / memory_days)
        mean.weight = fade * mean.weight + weight
        mean.total = fade * mean.total + weight * y


@njit(nogil=True, cache=True)
def _update_trend(trend, memory_days, shift, t, level):  # type: ignore[no-untyped-def]
    if shift > 0.0:  # let the origin of t go with the newest reading
        fade = np.exp(-shift / memory_days)
        trend.t_level = fade * (trend.t_level - shift * trend.level)
        trend.tt = fade * (trend.tt - 2.0 * shift * trend.t + shift * shift * trend.weight)
        trend.t = fade * (trend.t - shift * trend.weight)
        trend.weight *= fade
        trend.level *= fade
    w = np.exp(t / memory_days)
    trend.weight += w
    trend.t += w * t
    trend.tt += w * t * t
    trend.level += w * level
    trend.t_level += w * t * level


@njit(nogil=True, cache=True)
def _enough(state):  # type: ignore[no-untyped-def]
    """Return whether the statistics of this baseline mean something."""
    return state.total >= _LEAST_RECORDS and not np.isnan(state.sigma)


@njit(nogil=True, cache=True)
def _tell(state, as_of_s, out):  # type: ignore[no-untyped-def]
    """Write the statistics of a state."""
    if not _enough(state):
        out.z = out.ewma = out.cusum = out.moving_range = out.run = np.nan
        out.slope = out.slope_slow = out.absorbed = np.nan
        out.ewma_slow = out.projected = out.step = np.nan
        out.rise_day = out.fall_day = out.rise_week = out.fall_week = np.nan
        known = not np.isnan(state.level)
        out.level = abs(state.level) if known else np.nan
        out.level_mean = abs(state.level_mean) if known else np.nan
        return
    out.z = abs(state.z)
    out.ewma = abs(state.ewma)
    out.cusum = max(state.cusum_up, state.cusum_down)
    out.moving_range = state.moving_range
    out.run = state.run
    out.level = abs(state.level)
    out.level_mean = abs(state.level_mean)
    out.slope = min(abs(_trend(state.fast, state.total)[1]), _CLIP)
    out.slope_slow = min(abs(_trend(state.slow, state.total)[1]), _CLIP)
    age_days = as_of_s / _DAY_S - state.absorbed_day
    out.absorbed = abs(state.absorbed) * np.exp(-max(age_days, 0.0) / _ABSORBED_DAYS)
    out.ewma_slow = abs(state.ewma_slow)
    now, slope = _trend(state.fast, state.total)
    out.projected = min(abs((now if slope != 0.0 else state.level_mean) + slope), _CLIP)
    day, week = _above_month(state, 0), _above_month(state, 1)
    out.rise_day, out.fall_day = max(day, 0.0), max(-day, 0.0)
    out.rise_week, out.fall_week = max(week, 0.0), max(-week, 0.0)
    out.step = abs(state.level_mean - state.level_before)
    if state.total < _LEAST_FOR_SPREAD:  # the mean still holds what was before
        out.step = np.nan


@njit(nogil=True, cache=True)
def _above_month(state, k):  # type: ignore[no-untyped-def]
    """Return how far a mean lies above that of a month, in limit units; 0 where nobody knows."""
    mean, month = state.means[k], state.means[len(_MEAN_MEMORIES_DAYS) - 1]
    if mean.weight < 1e-9 or not state.last_width > 0.0:
        return 0.0
    above = (mean.total / mean.weight - month.total / month.weight) / state.last_width
    return min(max(above, -_CLIP), _CLIP)


@njit(nogil=True, cache=True)
def _trend(trend, total):  # type: ignore[no-untyped-def]
    """Return the level at the newest reading and its slope in 30 days; 0 where unknown."""
    spread = trend.weight * trend.tt - trend.t * trend.t
    if total < _LEAST_FOR_SPREAD or spread <= 1e-6 * trend.weight * trend.weight:
        return 0.0, 0.0
    slope = (trend.weight * trend.t_level - trend.t * trend.level) / spread
    now = (trend.level - slope * trend.t) / trend.weight
    return now, 30.0 * slope

"""Statistics of one series of readings that look back only, updated record by record.

Records are taken in the order in which they became known, so the state at an instant depends on
nothing that became known later: features are as-of by construction, and the cost is linear in the
number of records. All that the records so far leave behind is a vector of `CARRIED` numbers; with
it, the statistics go on at any later record, to the same bits.

A *limit unit* is half the width of the tolerance band of the test (of the action band where there
is no tolerance; three baseline sigmas where there are no limits at all).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["CARRIED", "STATISTICS", "fresh_state", "trailing_statistics"]

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

_BASELINE_RECORDS = 20
_LEAST_RECORDS = 3
_CLIP = 50.0
_DAY_S = 86_400.0

# Columns of the second output.
LEVEL, RECORDS, LAST_MEASURED = 0, 1, 2

_SCALARS = 20
_SUMS = 10
CARRIED = _SCALARS + _SUMS + _BASELINE_RECORDS
"""Size of the state of one series."""


def fresh_state(series: int) -> npt.NDArray[np.float64]:
    """Return the (series, `CARRIED`) state before the first record."""
    state = np.zeros((series, CARRIED))
    for place in (2, 3, 10, 11, 12, 13, 17):  # what is not known before there are records
        state[:, place] = np.nan
    state[:, 16] = -1.0
    return state


@njit(nogil=True, cache=True)
def trailing_statistics(
    value: npt.NDArray[np.float64],
    measured_s: npt.NDArray[np.int64],
    known_s: npt.NDArray[np.int64],
    centre: npt.NDArray[np.float64],
    half_width: npt.NDArray[np.float64],
    new_baseline: npt.NDArray[np.bool_],
    service_known_s: npt.NDArray[np.int64],
    as_of_s: npt.NDArray[np.int64],
    out: npt.NDArray[np.float32],
    state: npt.NDArray[np.float64],
    carried: npt.NDArray[np.float64],
) -> None:
    """Fill the statistics of one series at each as-of instant.

    Parameters
    ----------
    value, measured_s, known_s
        (record,) sorted by *known_s*.
    centre, half_width
        (record,) reference and limit unit of each reading, NaN where it has none.
    new_baseline
        (record,) whether the reading belongs to another baseline than the one before.
    service_known_s
        (service,) sorted times at which a service that restarts the baseline became known.
    as_of_s
        (as_of,) sorted instants.
    out
        (as_of, `STATISTICS`), NaN before there is enough.
    state
        (as_of, 3) signed level mean, records since the baseline began, last time measured.
    carried
        (`CARRIED`,) what earlier records left behind, from `fresh_state` before the first; it is
        overwritten with what stands after the records known at the last instant.
    """
    buffer = carried[_SCALARS + _SUMS :].copy()
    filled = int(carried[0])
    total = int(carried[1])  # records since the baseline began
    mu, sigma = carried[2], carried[3]
    ewma, up, down, mean_range = carried[4], carried[5], carried[6], carried[7]
    run, side = int(carried[8]), int(carried[9])
    level, level_mean = carried[10], carried[11]
    z, previous = carried[12], carried[13]
    absorbed, absorbed_at = carried[14], carried[15]
    last_measured = carried[16]
    last_width = carried[17]
    newest_day = carried[18]
    j = int(carried[19])
    # Weighted sums of 1, t, t², y, ty for two memories; t in days before the newest reading.
    sums = carried[_SCALARS : _SCALARS + _SUMS].copy().reshape(2, 5)
    memory = (15.0, 60.0)
    i = 0
    n = len(value)
    for d in range(len(as_of_s)):
        while i < n and known_s[i] <= as_of_s[d]:
            restart = new_baseline[i]
            while j < len(service_known_s) and service_known_s[j] <= known_s[i]:
                restart = True
                j += 1
            day = measured_s[i] / _DAY_S
            if restart and total > 0:
                absorbed *= np.exp(-(day - absorbed_at) / 180.0) if day > absorbed_at else 1.0
                absorbed_at = day
                if total >= _LEAST_RECORDS and not np.isnan(mu):
                    width = last_width if not np.isnan(last_width) else 3.0 * sigma
                    absorbed += ewma * sigma / width
                filled = 0
                total = 0
                ewma = up = down = 0.0
                run = 0
                side = 0
                previous = np.nan
                sums[:] = 0.0
            y = value[i]
            last_measured = max(last_measured, float(measured_s[i]))
            if np.isnan(y):
                i += 1
                continue
            if filled < _BASELINE_RECORDS:
                buffer[filled] = y
                filled += 1
                mu = np.median(buffer[:filled])
                if filled >= 8 or np.isnan(sigma):
                    spread = 1.4826 * np.median(np.abs(buffer[:filled] - mu))
                    floor = 0.02 * half_width[i] if not np.isnan(half_width[i]) else 0.0
                    if filled >= 8:
                        sigma = max(spread, floor, 1e-9 + 1e-6 * abs(mu))
            width = half_width[i]
            if np.isnan(width) and not np.isnan(sigma):
                width = 3.0 * sigma
            last_width = width
            origin = centre[i] if not np.isnan(centre[i]) else mu
            total += 1
            level = min(max((y - origin) / width, -_CLIP), _CLIP)
            if np.isnan(level_mean) or np.isnan(level):
                level_mean = level
            else:
                level_mean += 0.3 * (level - level_mean)
            if not np.isnan(sigma):
                z = min(max((y - mu) / sigma, -_CLIP), _CLIP)
                ewma += 0.2 * (z - ewma)
                up = min(max(up + z - 0.5, 0.0), 4 * _CLIP)
                down = min(max(down - z - 0.5, 0.0), 4 * _CLIP)
                if not np.isnan(previous):
                    step = min(abs(y - previous) / (1.128 * sigma), _CLIP)
                    mean_range += 0.15 * (step - mean_range)
                here = 1 if z > 1.0 else (-1 if z < -1.0 else 0)
                run = run + 1 if here != 0 and here == side else (1 if here != 0 else 0)
                side = here
            previous = y
            if not np.isnan(level):
                shift = day - newest_day if total > 1 else 0.0
                t = 0.0
                if shift < 0.0:
                    t = shift
                    shift = 0.0
                else:
                    newest_day = day
                for k in range(2):
                    s = sums[k]
                    if shift > 0.0:
                        fade = np.exp(-shift / memory[k])
                        s[4] = fade * (s[4] - shift * s[3])
                        s[2] = fade * (s[2] - 2.0 * shift * s[1] + shift * shift * s[0])
                        s[1] = fade * (s[1] - shift * s[0])
                        s[0] *= fade
                        s[3] *= fade
                    w = np.exp(t / memory[k])
                    s[0] += w
                    s[1] += w * t
                    s[2] += w * t * t
                    s[3] += w * level
                    s[4] += w * t * level
            i += 1
        state[d, 0] = level_mean
        state[d, 1] = total
        state[d, 2] = last_measured
        if total < _LEAST_RECORDS or np.isnan(sigma):
            for k in range(out.shape[1]):
                out[d, k] = np.nan
            if not np.isnan(level):
                out[d, 5] = abs(level)
                out[d, 6] = abs(level_mean)
            continue
        out[d, 0] = abs(z)
        out[d, 1] = abs(ewma)
        out[d, 2] = max(up, down)
        out[d, 3] = mean_range
        out[d, 4] = run
        out[d, 5] = abs(level)
        out[d, 6] = abs(level_mean)
        for k in range(2):
            s = sums[k]
            spread = s[0] * s[2] - s[1] * s[1]
            slope = 0.0
            if total >= 8 and spread > 1e-6 * s[0] * s[0]:
                slope = (s[0] * s[4] - s[1] * s[3]) / spread
            out[d, 7 + k] = min(abs(30.0 * slope), _CLIP)
        age = as_of_s[d] / _DAY_S - absorbed_at
        out[d, 9] = abs(absorbed) * np.exp(-max(age, 0.0) / 180.0)
    carried[0], carried[1], carried[2], carried[3] = filled, total, mu, sigma
    carried[4], carried[5], carried[6], carried[7] = ewma, up, down, mean_range
    carried[8], carried[9], carried[10], carried[11] = run, side, level, level_mean
    carried[12], carried[13], carried[14], carried[15] = z, previous, absorbed, absorbed_at
    carried[16], carried[17], carried[18], carried[19] = last_measured, last_width, newest_day, j
    carried[_SCALARS : _SCALARS + _SUMS] = sums.ravel()
    carried[_SCALARS + _SUMS :] = buffer

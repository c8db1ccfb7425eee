"""Readings over the last hours, and times since each part was replaced: where rows are hours.

Machines that are read every hour tell of a failure hours to days ahead. What the trailing
statistics remember is a number of readings or of days; here windows of a few hours and days are
looked at as they are, and beside what is usual for the same machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from pulsefront.qc.features.ages import days_since
from pulsefront.qc.features.history import UnitHistory
from pulsefront.qc.features.schema import WINDOWS_HOURS, FeatureSchema
from pulsefront.qc.times import DAY_S

__all__ = ["fill_replaced", "fill_windows"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_HOUR_S = 3600
_USUAL_DAYS = 30  # up to where the longest window begins
_LEAST_USUAL = 10  # readings


def fill_windows(
    values: Floats,
    history: UnitHistory,
    components: Sequence[str],
    as_of_s: npt.NDArray[np.int64],
    schema: FeatureSchema,
) -> None:
    """Fill what the readings of the last hours were like, in place.

    Readings of the unit as a whole are told to each of its components. Mean, lowest, highest and
    standard deviation are in the reading's own measurement unit; *above* and *below* say how far
    the mean lies from what was usual in the 30 days before, in standard deviations of single
    readings. What became known in a window counts, NaN where nothing did.
    """
    for k, (component, test) in enumerate(history.series):
        shared = test in schema.unit_tests
        if test not in schema.tests or (shared and component != ""):
            continue
        rows = slice(history.start[k], history.start[k + 1])
        found = _window_features(history.value[rows], history.available_at[rows], as_of_s)
        first = schema.column(f"{'unit ' if shared else ''}{test}:mean_{WINDOWS_HOURS[0]}h")
        own = values if shared else values[components.index(component)][None]
        own[:, :, first : first + found.shape[1]] = found


def _window_features(
    value: Doubles, known_s: npt.NDArray[np.int64], as_of_s: npt.NDArray[np.int64]
) -> Doubles:
    """Return (as_of, feature) of one series, in the order of `schema.WINDOW_STATISTICS`."""
    known = ~np.isnan(value)
    longest_s = WINDOWS_HOURS[-1] * _HOUR_S
    begin_s = np.array([*(h * _HOUR_S for h in WINDOWS_HOURS), longest_s + _USUAL_DAYS * DAY_S])
    end_s = np.array([*(0 for _ in WINDOWS_HOURS), longest_s])
    found = np.empty((len(as_of_s), len(begin_s), 5))
    _windows(value[known], known_s[known], as_of_s, begin_s, end_s, found)
    mean, low, high, spread, many = np.moveaxis(found, 2, 0)
    usual, deviation = mean[:, -1], spread[:, -1]
    enough = (many[:, -1] >= _LEAST_USUAL) & (deviation > 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.where(enough[:, None], (mean - usual[:, None]) / deviation[:, None], np.nan)
    stack = [mean, low, high, spread, np.maximum(away, 0.0), np.maximum(-away, 0.0)]
    return np.stack([each[:, :-1] for each in stack], axis=2).reshape(len(as_of_s), -1)


@njit(nogil=True, cache=True)
def _windows(value, known_s, as_of_s, begin_s, end_s, found):  # type: ignore[no-untyped-def]
    for d in range(len(as_of_s)):
        for w in range(len(begin_s)):
            first = np.searchsorted(known_s, as_of_s[d] - begin_s[w], side="right")
            last = np.searchsorted(known_s, as_of_s[d] - end_s[w], side="right")
            found[d, w, :4] = np.nan
            found[d, w, 4] = last - first
            if last == first:
                continue
            some = value[first:last]
            found[d, w, 0] = some.mean()
            found[d, w, 1] = some.min()
            found[d, w, 2] = some.max()
            found[d, w, 3] = some.std()


def fill_replaced(
    values: Floats, services: pd.DataFrame, as_of_s: npt.NDArray[np.int64], schema: FeatureSchema
) -> None:
    """Fill the days since each part without readings of its own was replaced, in place."""
    known = services["logged_at"].to_numpy(dtype=np.int64)
    owner = services["component_id"].to_numpy()
    replaced = np.isin(services["kind"].to_numpy().astype(str), ("corrective", "preventive"))
    for name in dict.fromkeys(kind.component for kind in schema.kinds):
        mine = known[replaced & (owner == name)]
        values[:, :, schema.column(f"{name}:replaced")] = days_since(mine, as_of_s)

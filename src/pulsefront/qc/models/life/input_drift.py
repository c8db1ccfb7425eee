"""How far a model's inputs lie from those that it was trained on.

The measure is the population stability index between the training rows and the rows of one night,
over ten ranges of equal counts and one for what is missing: Σ (p − q) ln(p / q), the symmetric
Kullback–Leibler divergence (Kullback and Leibler 1951). How large it may be is not a rule of thumb:
the threshold is what the days of the training's later part, which trained nothing, did not exceed
on 99 of 100 days. Nights are noisy where a fleet is small: the median of seven is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pulsefront.qc.features.samples import Samples
from pulsefront.qc.models.life.worth import DriftedInput, InputDrift
from pulsefront.qc.times import DAY_S

__all__ = [
    "NIGHTS_JUDGED",
    "NightDrift",
    "TrainingProfile",
    "drift_of",
    "fit_profile",
    "night_drift",
    "night_indices",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NIGHTS_JUDGED = 7

_RANGES = 10
_LEAST_DAYS = 30
_SHARE_OF_DAYS = 0.99
_HALF_A_CASE = 0.5  # added to every range, so that an empty one does not make the index infinite


@dataclass(frozen=True)
class TrainingProfile:
    """What a model's inputs were like in training.

    Attributes
    ----------
    columns
        (input,) features that the model looks at.
    edges
        (input, 9) ends of the ranges, infinite where an input has fewer values.
    share
        (input, 11) of the training rows in each range; the last one is what is missing.
    threshold
        (input,) of the index; infinite where the history was too short to tell.
    """

    columns: Ints
    edges: Floats
    share: Floats
    threshold: Floats


def fit_profile(samples: Samples, train: Ints, later: Ints, columns: Ints) -> TrainingProfile:
    """Return the profile of the training rows, with thresholds from the rows of later days."""
    values = samples.values[train][:, columns].astype(np.float64)
    edges = np.full((len(columns), _RANGES - 1), np.inf)
    for k in range(len(columns)):
        known = values[~np.isnan(values[:, k]), k]
        if len(known):
            cuts = np.unique(np.quantile(known, np.linspace(0, 1, _RANGES + 1)[1:-1]))
            edges[k, : len(cuts)] = cuts
    share = _counts(values, edges) / max(len(values), 1)
    profile = TrainingProfile(columns, edges, share, np.full(len(columns), np.inf))
    days, day = np.unique(samples.as_of_s[later] // DAY_S, return_inverse=True)
    if len(days) < _LEAST_DAYS:
        return profile
    order = np.argsort(day, kind="stable")
    begin = np.searchsorted(day[order], np.arange(len(days) + 1))
    rows = later[order]
    found = np.array(
        [
            night_indices(profile, samples.values[rows[begin[k] : begin[k + 1]]])
            for k in range(len(days))
        ]
    )
    threshold = np.quantile(found, _SHARE_OF_DAYS, axis=0)
    return TrainingProfile(columns, edges, share, np.asarray(threshold))


def _counts(values: Floats, edges: Floats) -> Floats:
    """Return how many (row, input) values lie in each range, (input, range)."""
    found = np.zeros((values.shape[1], _RANGES + 1))
    for k in range(values.shape[1]):
        column = values[:, k]
        known = ~np.isnan(column)
        place = np.searchsorted(edges[k], column[known], side="left")
        found[k] = np.bincount(place, minlength=_RANGES + 1)
        found[k, _RANGES] = len(column) - known.sum()
    return found


def night_indices(profile: TrainingProfile, values: npt.NDArray[np.floating]) -> Floats:
    """Return the index of each input over the (row, feature) values of one night."""
    rows = len(values)
    counts = _counts(values[:, profile.columns].astype(np.float64), profile.edges)
    total = rows + _HALF_A_CASE * (_RANGES + 1)
    now = (counts + _HALF_A_CASE) / total
    then = (profile.share * rows + _HALF_A_CASE) / total
    return np.asarray(((now - then) * np.log(now / then)).sum(axis=1))


class NightDrift(NamedTuple):
    """How far one input lay off on one night; no threshold where the history told none."""

    name: str
    value: float
    threshold: float | None


def night_drift(
    profile: TrainingProfile, values: npt.NDArray[np.floating], names: Sequence[str]
) -> list[NightDrift]:
    """Return the drift of one night's (row, feature) values; *names* are of all features."""
    found = night_indices(profile, values)
    return [
        NightDrift(
            names[column],
            round(float(index), 6),
            round(float(limit), 6) if np.isfinite(limit) else None,
        )
        for column, index, limit in zip(profile.columns, found, profile.threshold, strict=True)
    ]


def drift_of(nights: Sequence[Sequence[NightDrift]]) -> InputDrift:
    """Return the drift over the last nights."""
    indices: dict[str, list[float]] = {}
    limits: dict[str, float] = {}
    for night in nights:
        for name, value, threshold in night:
            if threshold is not None:
                indices.setdefault(name, []).append(value)
                limits[name] = threshold
    inputs = []
    for name, found in indices.items():
        middle = round(float(np.median(found)), 6)
        limit = limits[name]
        inputs.append(
            DriftedInput(name=name, index=middle, threshold=limit, drifted=middle > limit)
        )
    inputs.sort(key=lambda entry: (-(entry.index / max(entry.threshold, 1e-9)), entry.name))
    return InputDrift(nights=len(nights), inputs=tuple(inputs))

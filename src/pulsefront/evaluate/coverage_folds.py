"""Coverage cases of cross validations: of a learner that all events fix, and of one that few do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.coverage import CoverageCase
from pulsefront.evaluate.intervals import Interval, fold_interval

__all__ = ["FOLD_CASES"]

Random = np.random.Generator
Float = NDArray[np.float64]
Learner = Callable[[Float, Float, Float], Float]
"""From training inputs (event, input), their values (event,) and other inputs to the estimates."""

EVENTS = 200
INPUTS = 60
PROBES = 400


def _mean(known: Float, values: Float, asked: Float) -> Float:
    del known
    return np.full(len(asked), values.mean())


def _least_squares(known: Float, values: Float, asked: Float) -> Float:
    return np.asarray(asked @ np.linalg.lstsq(known, values, rcond=None)[0], np.float64)


def _events(random: Random, events: int) -> tuple[Float, Float]:
    """Draw inputs, of which the first says something, and values with a heavy tail."""
    inputs = random.normal(size=(events, INPUTS))
    return inputs, inputs[:, 0] + random.standard_t(5, events)


def _folds(name: str, learner: Learner, folds: int, *, conservative: bool = False) -> CoverageCase:
    """Return a case whose truth is the mean absolute error after as many training events."""
    probe, errors = np.random.default_rng(987), []
    for _ in range(PROBES):
        known, values = _events(probe, EVENTS - EVENTS // folds)
        asked, truth = _events(probe, 500)
        errors.append(np.abs(truth - learner(known, values, asked)).mean())

    def interval(random: Random) -> Interval:
        inputs, values = _events(random, EVENTS)
        scores = []
        for part in np.array_split(random.permutation(EVENTS), folds):
            trains = np.ones(EVENTS, np.bool_)
            trains[part] = False
            found = learner(inputs[trains], values[trains], inputs[part])
            scores.append(np.abs(values[part] - found).mean())
        return fold_interval(scores, 1 / (folds - 1))

    return CoverageCase(name, float(np.mean(errors)), interval, conservative=conservative)


FOLD_CASES: Sequence[CoverageCase] = tuple(
    case
    for folds in (5, 10)
    for case in (
        _folds(f"mean over {folds} folds", _mean, folds, conservative=True),
        _folds(f"60 weights over {folds} folds", _least_squares, folds),
    )
)
"""Of a mean, which hardly depends on which events train, and of least squares, which does."""

"""A small fixed-point network on windows of the trace: how likely is it that the centre jumped?

What it looks at, interval by interval, is how far the mean of the last 2, 4, … 60 intervals lies
off the drift before, in standard errors over the three axes together; drift straight and bent.
These are integers in sixteenths, and the network is a `fixed_point.FixedPointModel` like all
others: what it says here is what it says in firmware.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.fixed_point import FixedPointModel
from pulsefront.motion.detectors.steps import CentreStep
from pulsefront.motion.detectors.thresholds import difference, measured_steps
from pulsefront.motion.traces.trace import MotionTrace

__all__ = [
    "FEATURES",
    "MODEL_NAME",
    "NetworkSettings",
    "log_odds",
    "network_steps",
    "problem_of_model",
    "window_features",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AFTER = (2, 4, 7, 12, 20, 30, 45, 60)
SHAPES = ((1, 25), (2, 60))
"""Order of the drift, and intervals that it is fitted to."""

FEATURES = tuple(f"order_{order}_after_{b}" for order, _ in SHAPES for b in AFTER)
MODEL_NAME = "motion"
"""What training calls its models: by it they are told from others of the same shape."""

PER_ERROR = 16
LARGEST = 1023
SETTLE = 12


@dataclass(frozen=True)
class NetworkSettings:
    """Natural log-odds above which a step is decided; tuned."""

    threshold: float = 2.0


@njit(nogil=True, cache=True)
def _features(
    time: Floats, centre: Floats, error: Floats, start: int, after: NDArray[np.int64],
    shapes: NDArray[np.int64], settle: int, per_error: int, largest: int, out: Integers,
) -> None:  # fmt: skip
    offs = np.zeros(3)
    for t in range(start, len(time)):
        column = 0
        for s in range(len(shapes)):
            order, before = shapes[s, 0], shapes[s, 1]
            for m in range(len(after)):
                split = t + 1 - after[m]
                begin = max(start, split - before)
                out[t, column] = 0
                if split - begin >= max(settle, order + 3):
                    difference(time, centre, error, begin, split, t + 1, order, offs)
                    value = np.sqrt((offs**2).sum()) * per_error
                    out[t, column] = min(int(value + 0.5), largest)
                column += 1


def problem_of_model(model: FixedPointModel) -> str:
    """Return why a model cannot be one that training for motion wrote; empty where it can."""
    if len(model.inputs) != 1 or model.inputs[0].shape != (len(FEATURES),):
        return f"it must take {len(FEATURES)} numbers, {FEATURES[0]} to {FEATURES[-1]}"
    shapes = [model.tensors[name].shape for name in model.outputs]
    if shapes != [(1,)]:
        return f"it must give one number, the log-odds of a step, and gives {shapes}"
    if model.name != MODEL_NAME:
        return f"its name must be {MODEL_NAME}, and is {model.name}"
    return ""


def window_features(trace: MotionTrace, *, start: int = 0) -> Integers:
    """Return (interval, feature) what the network sees; nothing before *start* is used."""
    out = np.zeros((len(trace), len(FEATURES)), np.int64)
    _features(
        trace.time_s + trace.duration_s / 2, np.ascontiguousarray(trace.centre_mm),
        np.ascontiguousarray(trace.error_mm), start, np.array(AFTER), np.array(SHAPES), SETTLE,
        PER_ERROR, LARGEST, out,
    )  # fmt: skip
    return out


def log_odds(model: FixedPointModel, features: Integers) -> Floats:
    """Return (interval,) the network's log-odds of a step."""
    # What is larger than anything it was calibrated with is a step beyond doubt.
    seen = np.minimum(features, model.inputs[0].format.maximum)
    raw = np.asarray(model.run(seen), np.float64)
    form = model.output_formats[model.outputs[0]]
    return np.asarray(raw.reshape(len(features), -1)[:, 0] * form.step)


def network_steps(
    trace: MotionTrace, model: FixedPointModel, settings: NetworkSettings
) -> tuple[tuple[CentreStep, ...], Floats]:
    """Return the steps, measured by least squares, and (interval,) the log-odds."""
    found: list[tuple[int, int, float]] = []
    score = np.zeros(len(trace))
    start = 0
    while start < len(trace):
        features = window_features(trace, start=start)
        odds = log_odds(model, features)
        score[start:] = odds[start:]
        over = np.flatnonzero((odds > settings.threshold) & (np.arange(len(trace)) >= start))
        over = over[features[over].any(axis=1)]
        if not len(over):
            break
        at = int(over[0])
        split = _best_split(trace, start, at)
        found.append((split, at, float(odds[at])))
        score[at:] = 0.0
        start = max(split + 1, start + 1)
    return measured_steps(trace, np.array(found, np.float64).reshape(-1, 3)), score


def _best_split(trace: MotionTrace, start: int, at: int) -> int:
    """Return the interval at whose begin a step explains the window best."""
    time = trace.time_s + trace.duration_s / 2
    offs, best, top = np.zeros(3), at, -1.0
    for split in range(max(start + SETTLE, at + 1 - AFTER[-1]), at):
        begin = max(start, split - SHAPES[1][1])
        difference(time, trace.centre_mm, trace.error_mm, begin, split, at + 1, 2, offs)
        size = float(np.linalg.norm(offs))
        if size > top:
            best, top = split, size
    return best

"""Train the small network that finds motion, on simulated scans, and make it fixed point.

It is a classifier on windows of the trace. Windows that end within 30 s after a step are positive;
later ones, in which the step is still seen, are left out; all others are negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point import FixedPointModel
from pulsefront.imports import from_sklearn
from pulsefront.motion.detectors.network import MODEL_NAME, SETTLE, window_features
from pulsefront.motion.judge.trials import stepped_scans, still_scans
from pulsefront.motion.simulate.scan import ScanPlan, SimulatedScan
from pulsefront.progress import Report, silent

__all__ = ["MotionNetworkSettings", "TrainedMotionNetwork", "train_motion_network"]

Integers = NDArray[np.int64]

POSITIVE_S, SEEN_S = 30.0, 75.0
FIRST_SEED = 500
"""Of the training scans; tuning takes those from 0 on, the study those from 10 000 on."""


@dataclass(frozen=True)
class MotionNetworkSettings:
    """What it is trained on, and its size.

    Attributes
    ----------
    rates_per_s
        Count rates of the scans.
    scans
        Scans with steps for each rate, as many without.
    hidden
        Nodes of the hidden layers.
    """

    rates_per_s: tuple[float, ...] = (2_000.0, 5_000.0, 20_000.0, 50_000.0, 200_000.0)
    scans: int = 24
    hidden: tuple[int, ...] = (24, 12)
    seed: int = 1
    plan: ScanPlan = field(default_factory=ScanPlan)


@dataclass(frozen=True)
class TrainedMotionNetwork:
    """The integer model, and how much it was trained on."""

    model: FixedPointModel
    windows: int
    positive: int


def train_motion_network(
    settings: MotionNetworkSettings, *, report: Report = silent
) -> TrainedMotionNetwork:
    """Return a network trained on scans of its own seeds.

    Steps are of 1.5 to 12 errors of an interval, so that at each rate those that are hard to see
    are there.
    """
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inputs: list[Integers] = []
    labels: list[NDArray[np.bool_]] = []
    total = 2 * settings.scans * len(settings.rates_per_s)
    for scan in _scans(settings):
        features, label, used = _windows(scan)
        inputs.append(features[used])
        labels.append(label[used])
        report(len(inputs), total)
    x, y = np.concatenate(inputs), np.concatenate(labels)
    network = make_pipeline(
        StandardScaler(),
        MLPClassifier(
            settings.hidden, alpha=1e-3, batch_size=512, early_stopping=True, max_iter=60,
            n_iter_no_change=6, random_state=settings.seed,
        ),
    )  # fmt: skip
    network.fit(x, y)
    imported = from_sklearn(network, x[:: max(len(x) // 20_000, 1)], name=MODEL_NAME)
    return TrainedMotionNetwork(imported.model, len(x), int(y.sum()))


def _scans(settings: MotionNetworkSettings) -> Sequence[SimulatedScan]:
    found: list[SimulatedScan] = []
    random = np.random.default_rng(settings.seed)
    for number, rate in enumerate(settings.rates_per_s):
        plan = replace(settings.plan, rate_per_s=rate)
        begin = FIRST_SEED + 60 * number
        found += still_scans(plan, range(begin, begin + settings.scans))
        for seed in range(begin + 30, begin + 30 + settings.scans):
            error = 66.0 / np.sqrt(rate)  # about the error of an interval, in mm
            size = float(error * np.exp(random.uniform(np.log(1.5), np.log(12.0))))
            found += stepped_scans(plan, size, [seed])
    return found


def _windows(scan: SimulatedScan) -> tuple[Integers, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return features, whether a step was in the last 30 s, and which intervals to learn from."""
    features = window_features(scan.trace)
    end = scan.trace.time_s + scan.trace.duration_s
    label = np.zeros(len(end), np.bool_)
    used = np.arange(len(end)) >= 2 * SETTLE
    for truth in scan.moves:
        since = end - truth.move.start_s - truth.move.duration_s
        label |= (since >= 1.0) & (since <= POSITIVE_S)
        used &= ~((since > POSITIVE_S) & (since <= SEEN_S)) & ~((since > -1.0) & (since < 1.0))
    return features, label, used

"""Train the small network that finds motion, on simulated scans, and make it fixed point.

It is a classifier on the evidence of the filter, interval by interval. Intervals that end within
30 s after a step are positive; later ones, in which the step is still seen, are left out; all
others are negative. Steps come at any time, and some time after each the filter is told of it, as
if it had been found; now and then it is told of one that was none. So neither how long ago the last
decision was nor how many there were tells anything of the next step.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point import FixedPointModel
from pulsefront.imports import from_sklearn
from pulsefront.motion.detectors.bayes import BayesSettings, kernel_inputs
from pulsefront.motion.detectors.evidence import EVIDENCE, advance_many
from pulsefront.motion.detectors.hypotheses import Hypotheses, StepModel, TraceArrays, decide
from pulsefront.motion.detectors.network import MODEL_NAME
from pulsefront.motion.simulate.moves import PatientMotion, RigidMove
from pulsefront.motion.simulate.scan import MoveTruth, ScanPlan, SimulatedScan, simulate_scan
from pulsefront.motion.traces.trace import MotionTrace
from pulsefront.progress import Report, silent

__all__ = [
    "POSITIVE_S",
    "MotionNetworkSettings",
    "TrainedMotionNetwork",
    "labelled_evidence",
    "random_shift",
    "train_motion_network",
    "training_scan",
    "uniform_in_log",
]

Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]

POSITIVE_S, SEEN_S = 30.0, 75.0
FIRST_S = 20.0
TOLD_S = (3.0, 75.0)
"""After a step the filter is told of it; and how often, in the mean, of one that was none."""

WRONG_APART_S = 300.0
FIRST_SEED = 300_000
"""Of the training scans; tuning takes those from 0 on, the study those from 10 000 on."""

ERROR_MM = 66.0
"""Of the centre in an axis for one count of the simulated brain; in an interval, over √counts."""


@dataclass(frozen=True)
class MotionNetworkSettings:
    """What it is trained on, and its size.

    Attributes
    ----------
    rates_per_s
        Lowest and highest count rate: each scan has one between, uniform in its logarithm.
    scans
        How many.
    apart_s
        Mean time from one step to the next.
    sizes_in_errors
        Smallest and largest step, in errors of an interval; uniform in their logarithm.
    hidden
        Nodes of the hidden layers.
    """

    rates_per_s: tuple[float, float] = (1_500.0, 300_000.0)
    scans: int = 500
    apart_s: float = 200.0
    sizes_in_errors: tuple[float, float] = (0.8, 10.0)
    hidden: tuple[int, ...] = (32, 16)
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
    """Return a network trained on scans of its own seeds, of patients of their own."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inputs: list[NDArray[np.int8]] = []
    labels: list[Truths] = []
    for number in range(settings.scans):
        scan, random = training_scan(
            settings.plan,
            settings.rates_per_s,
            settings.sizes_in_errors,
            settings.apart_s,
            FIRST_SEED + number,
        )
        evidence, label, used = labelled_evidence(scan.trace, scan.moves, random)
        inputs.append(evidence[used].astype(np.int8))
        labels.append(label[used])
        report(number + 1, settings.scans)
    x, y = np.concatenate(inputs), np.concatenate(labels)
    network = make_pipeline(
        StandardScaler(),
        MLPClassifier(
            settings.hidden, alpha=1e-4, batch_size=min(1024, len(x)), early_stopping=True,
            max_iter=30, n_iter_no_change=4, random_state=settings.seed, validation_fraction=0.05,
        ),
    )  # fmt: skip
    with warnings.catch_warnings():
        # Thirty passes are enough: the best of them on windows kept apart is taken.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(x.astype(np.float32), y)
    some = x[:: max(len(x) // 20_000, 1)].astype(np.int64)
    imported = from_sklearn(network, some, name=MODEL_NAME)
    return TrainedMotionNetwork(imported.model, len(x), int(y.sum()))


def training_scan(
    plan: ScanPlan,
    rates_per_s: tuple[float, float],
    sizes_in_errors: tuple[float, float],
    apart_s: float,
    seed: int,
    *,
    patient: int | None = None,
) -> tuple[SimulatedScan, np.random.Generator]:
    """Return a scan with steps at any time, and what is drawn from next.

    Its rate lies between the two, its steps between two numbers of errors of an interval, both
    uniform in their logarithm; the time from one to the next is exponential. The patient is that
    of the seed where none is named.
    """
    random = np.random.default_rng([seed, 3])
    rate = uniform_in_log(random, rates_per_s)
    moves, at = [], FIRST_S + random.exponential(apart_s)
    while at < plan.duration_s:
        x, y, z = random_shift(random, rate * plan.interval_s, sizes_in_errors)
        moves.append(RigidMove(at, random.uniform(0.2, 1.0), (x, y, z)))
        at += random.exponential(apart_s)
    body = seed if patient is None else patient
    whole = replace(plan, rate_per_s=rate, patient=body, motion=PatientMotion(tuple(moves)))
    return simulate_scan(whole, seed), random


def random_shift(
    random: np.random.Generator, counts: float, sizes_in_errors: tuple[float, float]
) -> tuple[float, float, float]:
    """Return a translation in mm, so many errors of an interval of *counts* long."""
    direction = random.standard_normal(3)
    size = ERROR_MM / np.sqrt(counts) * uniform_in_log(random, sizes_in_errors)
    x, y, z = (size * direction / np.linalg.norm(direction)).tolist()
    return x, y, z


def uniform_in_log(random: np.random.Generator, ends: tuple[float, float]) -> float:
    """Return a number between two, uniform in its logarithm."""
    return float(np.exp(random.uniform(*np.log(ends))))


def labelled_evidence(
    trace: MotionTrace, moves: Sequence[MoveTruth], random: np.random.Generator
) -> tuple[Integers, Truths, Truths]:
    """Return (interval, evidence), whether a step was in the last 30 s, and what to learn from.

    Of an uninterrupted trace and the movements within it.
    """
    settings, count = BayesSettings(), len(trace)
    state, arrays, model = kernel_inputs(trace, settings)
    score, slots = np.zeros(count), np.zeros(count, np.int64)
    evidence = np.zeros((count, len(EVIDENCE)), np.int64)
    stops = [truth.move.start_s + truth.move.duration_s for truth in moves]
    told = [(stop + random.uniform(*TOLD_S), stop) for stop in stops]
    first, last = float(trace.time_s[0]), trace.stop_s
    wrong = random.uniform(first, last, random.poisson((last - first) / WRONG_APART_S))
    end, begin = trace.time_s + trace.duration_s, 0
    for when, stop in sorted([*told, *((float(at), np.inf) for at in wrong), (np.inf, np.inf)]):
        until = min(int(np.searchsorted(end, when)), count)
        advance_many(
            state, arrays, model, begin, until, score, slots, evidence, np.zeros(9), -np.inf
        )
        if until < count:
            _tell(state, arrays, model, until - 1, stop)
        begin = until
    return (evidence, *_labels(end, told, 2 * settings.settle))


def _labels(
    end_s: NDArray[np.float64], told: Sequence[tuple[float, float]], first: int
) -> tuple[Truths, Truths]:
    """Return labels and use, given when each step was told of and when it was over."""
    label, dim = np.zeros(len(end_s), np.bool_), np.zeros(len(end_s), np.bool_)
    for when, stop in told:
        since = end_s - stop
        seen = (since >= 1.0) & (since <= min(SEEN_S, when - stop))
        label |= seen & (since <= POSITIVE_S)
        dim |= (seen & (since > POSITIVE_S)) | ((since > -1.0) & (since < 1.0))
    return label, (np.arange(len(end_s)) >= first) & (label | ~dim)


def _tell(state: Hypotheses, arrays: TraceArrays, model: StepModel, t: int, when_s: float) -> None:
    """Make the hypothesis nearest to a step the truth, if any is left; the last, of no step."""
    slots = np.flatnonzero((state.begun >= 0) & (state.begun < t))
    if len(slots):
        off = np.abs(arrays.time_s[state.begun[slots]] - min(when_s, 1e12))
        decide(state, arrays, model, t, int(slots[off.argmin()]), np.zeros(9))

"""Integer tests of the inputs, learned from training events, and what they catch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import mean_statistic
from pulsefront.evaluate.spread import spread_over
from pulsefront.events import store
from pulsefront.fixed_point import FixedPointModel
from pulsefront.fixed_point.input_check import INPUT_TESTS, InputTests
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.measure import Resampling
from pulsefront.studies.uncertainty.records import CaughtInputs, FlaggedByTest, InputTestRecord

__all__ = ["learn_tests", "measure_tests"]

Counts = NDArray[np.int64]

FITTED = 50_000
"""Training vectors that the low-rank fit takes at most."""
DIRECTION_BITS = 7
"""Of the magnitude of a direction's components."""
MOST_DIRECTIONS = 16
NEIGHBOURS = 4
RATIOS = (4, 8, 16, 32, 64)
"""Of neighbours to a channel, one of which is taken."""
LESS_LIGHT = 0.85
CHANGED = 4000
"""Test vectors at most that are changed."""


def learn_tests(
    train: Counts, selection: Counts, false_rate: float, limits: tuple[int, int], seed: int
) -> InputTests:
    """Return tests of which each flags that share of vectors like these.

    Directions and neighbours come from training vectors (vector, input), limits from selection
    vectors, which no network has been trained on.

    Parameters
    ----------
    limits
        Smallest and largest value of an input.

    Raises
    ------
    DataError
        There are too few selection vectors for the rate.
    """
    if len(selection) * false_rate < 1:
        raise DataError(
            f"{len(selection)} selection vectors are too few for tests that flag {false_rate:g} of "
            "them",
            field="uncertainty.false_rate",
            value=false_rate,
            remedy=f"give at least {math.ceil(1 / false_rate)}, or allow a larger rate",
        )
    some = train[spread_over(len(train), FITTED)].astype(np.float64)
    size = some.shape[1]
    _, vectors = np.linalg.eigh(some.T @ some / len(some))
    rank = max(1, min(size // 3, 8))
    others = vectors[:, ::-1][:, rank : rank + MOST_DIRECTIONS].T
    scale = (2**DIRECTION_BITS - 1) / max(float(np.abs(others).max(initial=0.0)), 1e-12)
    directions = np.rint(others * scale).astype(np.int64)
    spread = some.std(axis=0)
    related = np.corrcoef(some + np.where(spread > 0, 0.0, 1.0) * 1e-9, rowvar=False)
    related = np.nan_to_num(np.atleast_2d(related), nan=-1.0)
    np.fill_diagonal(related, -2.0)
    neighbours = np.argsort(-related, axis=1, kind="stable")[:, : min(NEIGHBOURS, size - 1)]
    sums = np.sort(selection.sum(axis=1))
    outside = math.floor(false_rate / 2 * len(sums))
    tests = InputTests(
        sum_range=(int(sums[outside]), int(sums[len(sums) - 1 - outside])),
        neighbours=neighbours,
        ratio=RATIOS[0],
        least=0,
        directions=directions,
        most_distance=0,
    )
    distance = _quantile(tests.distances(selection), false_rate)
    dead = _one_dead(selection, limits, seed)
    best, found = -1.0, tests
    for ratio in RATIOS:
        tried = InputTests(tests.sum_range, neighbours, ratio, 0, directions, distance)
        least = max(_quantile(tried.silent(selection).max(axis=1), false_rate), 0)
        caught = float((tried.silent(dead).max(axis=1) > least).mean())
        if caught > best:
            best = caught
            found = InputTests(tests.sum_range, neighbours, ratio, least, directions, distance)
    return found


def _quantile(values: Counts, false_rate: float) -> int:
    """Return the value that at most that share of *values* exceeds."""
    return int(np.sort(values)[len(values) - 1 - math.floor(false_rate * len(values))])


def _one_dead(inputs: Counts, limits: tuple[int, int], seed: int) -> Counts:
    """Return *inputs* with one of each vector as of a channel that gives nothing."""
    some = inputs[spread_over(len(inputs), CHANGED)].copy()
    dead = np.random.default_rng(seed).integers(0, some.shape[1], len(some))
    some[np.arange(len(some)), dead] = max(limits[0], 0)
    return some


def measure_tests(
    kind: StudyKind, folders: RunFolders, inputs: Counts, false_rate: float
) -> InputTestRecord:
    """Return what the tests of a run flag of its test vectors, of changed ones, and external sets.

    Parameters
    ----------
    inputs
        Test inputs (vector, kept input).
    """
    model = FixedPointModel.load(folders.input_check)
    (port,) = model.inputs
    limits = (port.format.minimum, port.format.maximum)
    events = kind.test_events(folders)
    groups = events["grid_index"] if "grid_index" in events.columns else None
    resampling = Resampling.of(kind.study, len(inputs), groups)

    def flags(of: Counts) -> NDArray[np.bool_]:
        return np.asarray(model.run(of)) > 0

    own = flags(inputs)
    less = np.clip(np.rint(LESS_LIGHT * inputs), *limits).astype(np.int64)
    sets = {
        "one channel of each gives nothing": _one_dead(inputs, limits, kind.study.seed),
        f"every input times {LESS_LIGHT:g}": less[spread_over(len(less), CHANGED)],
    }
    with np.load(folders.test_arrays) as arrays:
        kept = arrays["kept_inputs"]
    for number, chosen in enumerate(kind.study.external):
        file = folders.external / f"{number}.h5"
        if file.is_file():
            raw = kind.network_inputs(store.read(file))
            found = raw.reshape(-1, raw.shape[-1])[:, kept].astype(np.int64)
            sets[chosen.name] = np.clip(found, *limits)
    cost = model.cost()
    return InputTestRecord(
        false_rate=false_rate,
        tests=tuple(
            FlaggedByTest(test=name, flagged=resampling.interval(mean_statistic(column)))
            for name, column in zip(INPUT_TESTS, own.T.astype(np.float64), strict=True)
        ),
        any_flagged=resampling.interval(mean_statistic(own.any(axis=1).astype(np.float64))),
        caught=tuple(
            CaughtInputs(
                inputs=name,
                vectors=len(some),
                by_test=tuple(map(float, flags(some).mean(axis=0))),
                by_any=float(flags(some).any(axis=1).mean()),
            )
            for name, some in sets.items()
        ),
        ebops=cost.ebops,
        nonzero_weights=int(np.count_nonzero(model.layers[0].weights)),  # type: ignore[attr-defined]
    )

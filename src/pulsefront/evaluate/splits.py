"""Splits of events into training, selection and test that cannot leak, and the proof.

Positions of a scan are split, never events: a network that has seen one event of a position knows
the position. Training positions form an even sub-lattice of the stage grid; selection and test
positions lie between them, so that a network that only learned the grid is found out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError

__all__ = [
    "Fold",
    "LeakReport",
    "Split",
    "check_leaks",
    "k_fold",
    "split_grid",
    "split_offsets",
]

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Event indices of each part; ``excluded`` counts events left out, by rule."""

    train: Index
    selection: Index
    test: Index
    excluded: Mapping[str, int]

    def parts(self) -> dict[str, Index]:
        """Return the parts by name."""
        return {"train": self.train, "selection": self.selection, "test": self.test}


def split_grid(grid_index: ArrayLike, *, seed: int, selection_fraction: float = 0.3) -> Split:
    """Split a point-source scan by the parity of its stage positions.

    Positions with even ix and even iy train. Of the positions between them, a random share is
    for selection and the rest for test. Positions outside the rectangle of training positions
    are excluded and counted: there an estimator would extrapolate.

    Parameters
    ----------
    grid_index
        (event, 2) integer stage indices (ix, iy).
    seed
        Of the draw of selection positions.
    selection_fraction
        Share of the positions between that go to selection; at least one goes to each part.

    Raises
    ------
    DataError
        The indices are no (event, 2) integers, or the grid is too small for three parts.

    Examples
    --------
    >>> grid = [(ix, iy) for ix in range(5) for iy in range(5)]
    >>> parts = split_grid(grid, seed=1)
    >>> len(parts.train), len(parts.selection), len(parts.test)
    (9, 5, 11)
    """
    grid = np.asarray(grid_index)
    if grid.ndim != 2 or grid.shape[1] != 2 or not np.issubdtype(grid.dtype, np.integer):
        raise DataError(
            "grid indices must be integers of shape (event, 2)",
            field="grid_index",
            value=(grid.shape, str(grid.dtype)),
        )
    positions, of_event = np.unique(grid, axis=0, return_inverse=True)
    of_event = np.asarray(of_event).reshape(-1)
    even = (positions % 2 == 0).all(axis=1)
    if not even.any():
        raise DataError("no position has even indices in x and y", field="grid_index")
    low, high = positions[even].min(axis=0), positions[even].max(axis=0)
    inside = ((positions >= low) & (positions <= high)).all(axis=1)
    return _three_parts(even, inside, of_event, seed, selection_fraction, "grid_index")


def split_offsets(offset_index: ArrayLike, *, seed: int, selection_fraction: float = 0.3) -> Split:
    """Split a stepped-source coincidence scan: even offsets train, those between select and test.

    Parameters
    ----------
    offset_index
        (event,) integer index of the source offset.

    Raises
    ------
    DataError
        Indices are no integers, or there are too few offsets for three parts.
    """
    offsets = np.asarray(offset_index)
    if offsets.ndim != 1 or not np.issubdtype(offsets.dtype, np.integer):
        raise DataError(
            "offset indices must be integers of shape (event,)",
            field="offset_index",
            value=(offsets.shape, str(offsets.dtype)),
        )
    steps, of_event = np.unique(offsets, return_inverse=True)
    even = steps % 2 == 0
    if not even.any():
        raise DataError("no source offset has an even index", field="offset_index")
    inside = (steps >= steps[even].min()) & (steps <= steps[even].max())
    return _three_parts(even, inside, of_event, seed, selection_fraction, "offset_index")


def _three_parts(
    even: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    of_event: Index,
    seed: int,
    selection_fraction: float,
    field: str,
) -> Split:
    between = np.flatnonzero(~even & inside)
    if len(between) < 2:
        raise DataError(
            "too few positions lie between training positions for selection and test",
            field=field,
            value=len(between),
            remedy="scan at least three steps along each axis",
        )
    chosen = round(selection_fraction * len(between))
    chosen = min(max(chosen, 1), len(between) - 1)
    shuffled = np.random.default_rng(seed).permutation(between)
    part = np.where(even, 0, 3)
    part[shuffled[:chosen]] = 1
    part[shuffled[chosen:]] = 2
    of = part[of_event]
    excluded = {"position outside the training positions": int(np.sum(of == 3))}
    train, selection, test = (np.flatnonzero(of == k) for k in range(3))
    return Split(train, selection, test, excluded)


@dataclass(frozen=True)
class LeakReport:
    """What the parts of a split share.

    ``shared`` counts labels in common by kind (event, position, run …) and pair of parts; all
    must be zero. ``minimum_distance_mm`` is the smallest distance between a position of training
    and one of another part; None where no positions were given.
    """

    events: Mapping[str, int]
    positions: Mapping[str, int]
    shared: Mapping[str, int]
    minimum_distance_mm: float | None
    required_distance_mm: float

    @property
    def passed(self) -> bool:
        """Whether nothing is shared and the distance is kept."""
        near = (
            self.minimum_distance_mm is not None
            and self.minimum_distance_mm < self.required_distance_mm
        )
        return not any(self.shared.values()) and not near

    def raise_on_leak(self) -> None:
        """Raise `DataError` that names the first leak, if there is any."""
        for what, count in self.shared.items():
            if count:
                raise DataError(
                    "the split leaks", field=what, value=count, remedy="split by whole groups"
                )
        if not self.passed:
            raise DataError(
                "training and other positions are too near each other",
                field="minimum_distance_mm",
                value=self.minimum_distance_mm,
                remedy=f"keep at least {self.required_distance_mm:g} mm",
            )

    def as_record(self) -> dict[str, int | float | bool]:
        """Return plain values for results and checklist."""
        record: dict[str, int | float | bool] = {
            **{f"events_{name}": count for name, count in self.events.items()},
            **{f"positions_{name}": count for name, count in self.positions.items()},
            **{f"shared_{what}".replace(" ", "_"): count for what, count in self.shared.items()},
            "leak_test_passed": self.passed,
        }
        if self.minimum_distance_mm is not None:
            record["minimum_distance_mm"] = self.minimum_distance_mm
        return record


def check_leaks(
    split: Split,
    *,
    positions_mm: ArrayLike | None = None,
    groups: Mapping[str, ArrayLike] | None = None,
    required_distance_mm: float = 0.0,
) -> LeakReport:
    """Count what training, selection and test have in common.

    Parameters
    ----------
    positions_mm
        (event,) or (event, axis) stage positions or source offsets.
    groups
        Name → (event,) or (event, k) labels that may not straddle: runs, detectors, positions.
    required_distance_mm
        Least distance from any training position to any other part's; 0 asks only for a
        distance above zero, which disjoint positions have.

    Raises
    ------
    DataError
        A part is empty.
    """
    from scipy.spatial import cKDTree

    parts = split.parts()
    for name, index in parts.items():
        if len(index) == 0:
            raise DataError("a part of the split is empty", field=name)
    labels: dict[str, NDArray[np.generic]] = {}
    positions: dict[str, NDArray[np.float64]] = {}
    if positions_mm is not None:
        of_event = np.asarray(positions_mm, dtype=np.float64)
        of_event = of_event.reshape(len(of_event), -1)
        labels["position"] = of_event
        positions = {name: np.unique(of_event[index], axis=0) for name, index in parts.items()}
    labels |= {name: np.asarray(values) for name, values in (groups or {}).items()}
    shared = {}
    for first, second in combinations(parts, 2):
        pair = f"{first} and {second}"
        common = np.intersect1d(parts[first], parts[second])
        shared[f"events of {pair}"] = len(common)
        for name, values in labels.items():
            a, b = _as_set(values[parts[first]]), _as_set(values[parts[second]])
            shared[f"{name}s of {pair}"] = len(a & b)
    distance = None
    if positions:
        others = np.concatenate([positions["selection"], positions["test"]])
        distance = float(cKDTree(positions["train"]).query(others)[0].min())
    return LeakReport(
        {name: len(index) for name, index in parts.items()},
        {name: len(unique) for name, unique in positions.items()},
        shared,
        distance,
        required_distance_mm,
    )


def _as_set(values: NDArray[np.generic]) -> set[object]:
    flat = np.unique(values.reshape(len(values), -1), axis=0)
    return {tuple(row) for row in flat.tolist()}


@dataclass(frozen=True)
class Fold:
    """Event indices of one fold."""

    train: Index
    test: Index


def k_fold(
    groups: ArrayLike, folds: int, *, seed: int, strata: ArrayLike | None = None
) -> tuple[Fold, ...]:
    """Split events into *folds* test parts of whole groups.

    Parameters
    ----------
    groups
        (event,) or (event, k) labels; a group is never divided.
    strata
        (event,) labels whose shares are kept alike across folds (depth bin, site, outcome); a
        group belongs to the stratum of its first event.

    Raises
    ------
    DataError
        Fewer groups than folds, or fewer than two folds.
    """
    labels = np.asarray(groups)
    return tuple(_folds(np.arange(len(labels)), labels, folds, seed, strata))


def _folds(
    events: Index, labels: NDArray[np.generic], folds: int, seed: int, strata: ArrayLike | None
) -> Iterator[Fold]:
    flat = labels[events].reshape(len(events), -1)
    unique, first, of_event, sizes = np.unique(
        flat, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    of_event = np.asarray(of_event).reshape(-1)
    if folds < 2 or len(unique) < folds:
        raise DataError(
            "cross validation needs at least two folds and a group for each",
            field="folds",
            value=folds,
            remedy=f"there are {len(unique)} groups",
        )
    stratum = np.zeros(len(unique), np.int64)
    if strata is not None:
        _, coded = np.unique(np.asarray(strata)[events], return_inverse=True)
        stratum = np.asarray(coded).reshape(-1)[first]
    tie = np.random.default_rng(seed).permutation(len(unique))
    fold_of_group = np.zeros(len(unique), np.int64)
    filled = np.zeros(folds, np.int64)
    for kind in np.unique(stratum):
        members = np.flatnonzero(stratum == kind)
        members = members[np.lexsort((tie[members], -sizes[members]))]
        filled_here = np.zeros(folds, np.int64)
        # The largest group first, each to the fold emptiest in its stratum, then in all.
        for group in members:
            target = int(np.lexsort((filled, filled_here))[0])
            fold_of_group[group] = target
            filled[target] += sizes[group]
            filled_here[target] += sizes[group]
    fold_of_event = fold_of_group[of_event]
    for fold in range(folds):
        yield Fold(events[fold_of_event != fold], events[fold_of_event == fold])

"""k nearest neighbours among the light patterns of training events: for positions, for crystals.

The neighbours are scikit-learn's. Fitted on training events, tuned on events of other positions;
the table of trials is kept: a weak baseline proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.position.patterns import (
    CrystalTrial,
    PositionTrial,
    check_charges,
    check_crystals,
    check_events,
    fewest_wrong,
    least_error,
    light_shares,
    root_shares,
    same_axes,
    same_sensors,
    subset,
)
from pulsefront.evaluate import metrics

__all__ = [
    "CrystalNeighbours",
    "NearestNeighbours",
    "fit_crystal_neighbours",
    "fit_nearest_neighbours",
]

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Crystals = NDArray[np.int64]

_NEIGHBOURS = (5, 10, 20, 40, 80, 160)
_CRYSTAL_NEIGHBOURS = (1, 3, 5, 10, 20, 40, 80)
_CHUNK = 50_000


@dataclass(frozen=True)
class NearestNeighbours:
    """Mean position of the k training events whose light patterns are nearest.

    Attributes
    ----------
    references, reference_position_mm
        (reference, component), (reference, 3).
    mean, axes
        Patterns are centred and projected on these principal axes.
    neighbours
        As tuned.
    transform
        ``"share"`` or ``"root share"``: the square root makes the Poisson noise of all
        photosensors alike.
    table
        Every candidate tried.
    """

    references: Float32 = field(repr=False)
    reference_position_mm: Float = field(repr=False)
    mean: Float32 = field(repr=False)
    axes: Float32 = field(repr=False)
    neighbours: int
    transform: str
    table: tuple[PositionTrial, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float | int | str]:
        """Tuned parameters, for a table."""
        return {
            "neighbours": self.neighbours,
            "transform": self.transform,
            "components": self.axes.shape[1],
            "references": len(self.references),
        }

    def estimate(self, charges: ArrayLike) -> Float:
        """Return the axes that were fitted in mm, (event, axis), from (event, photosensor) charges.

        Raises
        ------
        DataError
            Charges of another number of photosensors, or not finite.
        """
        light = check_charges(charges)
        same_sensors(light, len(self.mean))
        queries = _pattern(light, self.transform, self.mean) @ self.axes
        nearest = _nearest(self.references, queries, self.neighbours, "brute")
        return np.asarray(self.reference_position_mm[nearest].mean(axis=1))


def _pattern(light: Float32, transform: str, mean: Float32 | None = None) -> Float32:
    pattern = (
        root_shares(light) if transform == "root share" else light_shares(np.maximum(light, 0))
    )
    return pattern if mean is None else pattern - mean


def fit_nearest_neighbours(
    charges: ArrayLike,
    position_mm: ArrayLike,
    selection_charges: ArrayLike,
    selection_position_mm: ArrayLike,
    *,
    neighbours: Sequence[int] = _NEIGHBOURS,
    transforms: Sequence[str] = ("share", "root share"),
    components: int = 24,
    most_references: int = 50_000,
    most_selection: int = 5_000,
    seed: int = 0,
) -> NearestNeighbours:
    """Choose k and the transform of the light pattern on selection events.

    Parameters
    ----------
    charges, position_mm
        Training: (event, photosensor), (event, 3) x, y, depth, or (event, 2) without depth.
    selection_charges, selection_position_mm
        Events of other positions; the candidate of the smallest median 3-D error is kept.
    components
        Principal axes kept for the distance (all photosensors where there are fewer): the rest
        is noise and time.
    most_references, most_selection
        Random subsets of this many events are used where there are more.

    Raises
    ------
    DataError
        Shapes do not fit, there are no events, or values are not finite; unknown transform.
    """
    light, position = check_events(charges, position_mm, "training")
    other_light, other_position = check_events(
        selection_charges, selection_position_mm, "selection"
    )
    same_sensors(other_light, light.shape[1])
    same_axes(position, other_position)
    unknown = sorted(set(transforms) - {"share", "root share"})
    if unknown:
        raise DataError("no such transform", field="transforms", value=unknown[0])
    random = np.random.default_rng(seed)
    kept = subset(random, len(light), most_references)
    tried = subset(random, len(other_light), most_selection)
    light, position = light[kept], position[kept]
    other_light, other_position = other_light[tried], other_position[tried]
    counts = sorted({k for k in neighbours if 0 < k <= len(light)}) or [len(light)]
    table, fits = [], []
    for transform in transforms:
        pattern = _pattern(light, transform)
        mean = pattern.mean(axis=0)
        axes = _principal_axes(pattern - mean, components)
        references = (pattern - mean) @ axes
        queries = _pattern(other_light, transform, mean) @ axes
        nearest = position[_nearest(references, queries, counts[-1], "brute")]
        for k in counts:
            error = metrics.median_error(nearest[:, :k].mean(axis=1) - other_position)
            table.append(PositionTrial({"neighbours": k, "transform": transform}, error))
            fits.append(NearestNeighbours(references, position, mean, axes, k, transform, ()))
    return replace(fits[least_error(table)], table=tuple(table))


def _principal_axes(centred: Float32, components: int) -> Float32:
    covariance = centred.T.astype(np.float64) @ centred / max(len(centred), 1)
    # eigh sorts upwards; the last axes carry the most.
    _, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors[:, ::-1][:, :components], np.float32)


@dataclass(frozen=True)
class CrystalNeighbours:
    """The crystal of most of the k training events whose shares of light are nearest.

    ``references`` is (reference, photosensor), ``crystal`` (reference,).
    """

    references: Float32 = field(repr=False)
    crystal: Crystals = field(repr=False)
    neighbours: int
    table: tuple[CrystalTrial, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float]:
        """Tuned parameters, for a table."""
        return {"neighbours": self.neighbours, "references": len(self.references)}

    def estimate(self, charges: ArrayLike) -> Crystals:
        """Return the crystal, (event,), from (event, photosensor) charges."""
        patterns = light_shares(np.maximum(check_charges(charges), 0))
        nearest = _nearest(self.references, patterns, self.neighbours, "kd_tree")
        return _majority(self.crystal[nearest])


def _majority(votes: NDArray[np.int64]) -> Crystals:
    """Return the most frequent value of each row; among equals the one met first."""
    same = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    return np.asarray(votes[np.arange(len(votes)), same.argmax(axis=1)])


def fit_crystal_neighbours(
    charges: ArrayLike,
    crystal: NDArray[np.integer],
    selection_charges: ArrayLike,
    selection_crystal: NDArray[np.integer],
    *,
    neighbours: Sequence[int] = _CRYSTAL_NEIGHBOURS,
    most_references: int = 60_000,
    most_selection: int = 4_000,
    seed: int = 0,
) -> CrystalNeighbours:
    """Choose k on selection events.

    Raises
    ------
    DataError
        Shapes do not fit.
    """
    light = check_crystals(charges, crystal)
    other = check_crystals(selection_charges, selection_crystal)
    random = np.random.default_rng(seed)
    kept = subset(random, len(light), most_references)
    tried = subset(random, len(other), most_selection)
    references = light_shares(np.maximum(light[kept], 0))
    labels = np.asarray(crystal[kept], np.int64)
    counts = sorted({k for k in neighbours if 0 < k <= len(references)})
    patterns = light_shares(np.maximum(other[tried], 0))
    nearest = labels[_nearest(references, patterns, counts[-1], "kd_tree")]
    table = []
    for k in counts:
        wrong = float((_majority(nearest[:, :k]) != selection_crystal[tried]).mean())
        table.append(CrystalTrial({"neighbours": k}, wrong))
    return CrystalNeighbours(references, labels, counts[fewest_wrong(table)], tuple(table))


def _nearest(
    references: Float32, queries: Float32, count: int, algorithm: Literal["brute", "kd_tree"]
) -> NDArray[np.int64]:
    """Return the *count* nearest references of each query, nearest first, (query, count).

    All distances are computed where there are many components, a tree is searched for few.
    """
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=count, algorithm=algorithm).fit(references)
    found = [
        model.kneighbors(queries[start : start + _CHUNK], return_distance=False)
        for start in range(0, len(queries), _CHUNK)
    ]
    return np.concatenate(found) if found else np.zeros((0, count), np.int64)

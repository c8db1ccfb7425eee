"""Which crystal of a pixelated array was hit first, by classical means.

Light of all crystals is shared over a few photosensors. A gamma ray that scatters from one crystal
into another leaves light of both. Three estimators, all tuned on events of other positions:

- the flood map: the event's centroid of light, looked up in a map cut into crystals;
- k nearest neighbours among the light patterns of training events, by majority;
- unmixing: the pair of crystals whose typical patterns add up to the event best, and then the rule
  that training events teach about which of the two was first, given how they share the energy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.position.patterns import check_charges, light_shares, subset

__all__ = [
    "CrystalNeighbours",
    "CrystalTrial",
    "CrystalUnmixing",
    "FloodMap",
    "fit_crystal_neighbours",
    "fit_flood_map",
    "fit_unmixing",
]

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Crystals = NDArray[np.int64]

_BINS = (0, 32, 48, 64, 96, 128, 192)
_NEIGHBOURS = (1, 3, 5, 10, 20, 40, 80)
_GAINS = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 1e9)
_SHARES = 10
_CHUNK = 1000
_STEPS = 8


@dataclass(frozen=True)
class CrystalTrial:
    """One row of a tuning table: share of selection events given the wrong crystal."""

    parameters: Mapping[str, float]
    wrong: float


@dataclass(frozen=True)
class FloodMap:
    """Centroid of the light, looked up in a map of crystals.

    Attributes
    ----------
    sensor_position_mm
        (photosensor, 2).
    peaks_mm
        (crystal, 2) median centroid of each crystal's events; NaN where there were none.
    cells
        (bin, bin) crystal of each cell of the map, or empty: then the nearest peak decides.
    half_mm
        The map reaches from −half_mm to half_mm.
    table
        Every candidate tried.
    """

    sensor_position_mm: Float
    peaks_mm: Float
    cells: NDArray[np.int64]
    half_mm: float
    table: tuple[CrystalTrial, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float]:
        """Tuned parameters, for a table: cells along a side, 0 for the nearest peak."""
        return {"cells_along_a_side": len(self.cells)}

    def estimate(self, charges: ArrayLike) -> Crystals:
        """Return the crystal, (event,), from (event, photosensor) charges."""
        centroid = light_centroids(check_charges(charges), self.sensor_position_mm)
        if not len(self.cells):
            return _nearest_peak(centroid, self.peaks_mm)
        cell = _cell(centroid, self.half_mm, len(self.cells))
        return np.asarray(self.cells[cell[:, 0], cell[:, 1]])


def light_centroids(light: Float32, sensor_position_mm: Float) -> Float:
    """Return the centroid of the light, (event, 2) in mm."""
    shares = light_shares(np.maximum(light, 0))
    return np.asarray(shares.astype(np.float64) @ sensor_position_mm)


def _cell(centroid: Float, half_mm: float, bins: int) -> NDArray[np.int64]:
    index = np.floor((centroid + half_mm) * (bins / (2 * half_mm))).astype(np.int64)
    return np.clip(index, 0, bins - 1)


def _nearest_peak(centroid: Float, peaks_mm: Float) -> Crystals:
    known = np.flatnonzero(np.isfinite(peaks_mm[:, 0]))
    distance = ((centroid[:, None] - peaks_mm[known]) ** 2).sum(axis=2)
    return np.asarray(known[distance.argmin(axis=1)], np.int64)


def fit_flood_map(
    charges: ArrayLike,
    crystal: NDArray[np.integer],
    selection_charges: ArrayLike,
    selection_crystal: NDArray[np.integer],
    sensor_position_mm: ArrayLike,
    crystals: int,
    *,
    bins: Sequence[int] = _BINS,
) -> FloodMap:
    """Find the peaks of the flood map and the finest table that generalizes.

    A cell belongs to the crystal that most of its training events hit first, an empty one to the
    nearest peak; 0 bins stand for the nearest peak everywhere.

    Raises
    ------
    DataError
        Shapes do not fit.
    """
    sensors = np.asarray(sensor_position_mm, dtype=np.float64)
    centroid = light_centroids(_checked(charges, crystal), sensors)
    other = light_centroids(_checked(selection_charges, selection_crystal), sensors)
    half_mm = float(1.02 * np.abs(centroid).max())
    peaks = np.full((crystals, 2), np.nan)
    for number in np.unique(crystal):
        peaks[number] = np.median(centroid[crystal == number], axis=0)
    table, maps = [], []
    for count in bins:
        cells = _cells(centroid, crystal, peaks, half_mm, count)
        maps.append(cells)
        found = FloodMap(sensors, peaks, cells, half_mm, ())
        if count:
            at = _cell(other, half_mm, count)
            answer = found.cells[at[:, 0], at[:, 1]]
        else:
            answer = _nearest_peak(other, peaks)
        wrong = float((answer != selection_crystal).mean())
        table.append(CrystalTrial({"cells_along_a_side": count}, wrong))
    best = int(np.argmin([row.wrong for row in table]))
    return FloodMap(sensors, peaks, maps[best], half_mm, tuple(table))


def _cells(
    centroid: Float, crystal: NDArray[np.integer], peaks: Float, half_mm: float, bins: int
) -> NDArray[np.int64]:
    if not bins:
        return np.zeros((0, 0), np.int64)
    cell = _cell(centroid, half_mm, bins)
    votes = np.zeros((bins * bins, len(peaks)), np.int32)
    np.add.at(votes, (cell[:, 0] * bins + cell[:, 1], crystal), 1)
    middle = (np.arange(bins) + 0.5) * (2 * half_mm / bins) - half_mm
    places = np.stack(np.meshgrid(middle, middle, indexing="ij"), -1).reshape(-1, 2)
    nearest = _nearest_peak(places, peaks)
    chosen = np.where(votes.any(axis=1), votes.argmax(axis=1), nearest)
    return np.asarray(chosen.reshape(bins, bins), np.int64)


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
        return _majority(self.crystal[_nearest(self.references, patterns, self.neighbours)])


def _nearest(references: Float32, patterns: Float32, count: int) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=count, algorithm="kd_tree").fit(references)
    return np.asarray(model.kneighbors(patterns, return_distance=False))


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
    neighbours: Sequence[int] = _NEIGHBOURS,
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
    light, other = _checked(charges, crystal), _checked(selection_charges, selection_crystal)
    random = np.random.default_rng(seed)
    kept, tried = (
        subset(random, len(light), most_references),
        subset(random, len(other), most_selection),
    )
    references = light_shares(np.maximum(light[kept], 0))
    labels = np.asarray(crystal[kept], np.int64)
    counts = sorted({k for k in neighbours if 0 < k <= len(references)})
    patterns = light_shares(np.maximum(other[tried], 0))
    nearest = labels[_nearest(references, patterns, counts[-1])]
    table = []
    for k in counts:
        wrong = float((_majority(nearest[:, :k]) != selection_crystal[tried]).mean())
        table.append(CrystalTrial({"neighbours": k}, wrong))
    best = int(np.argmin([row.wrong for row in table]))
    return CrystalNeighbours(references, labels, counts[best], tuple(table))


@dataclass(frozen=True)
class CrystalUnmixing:
    """The pair of crystals that explains the charges best, and who of the two was first.

    Attributes
    ----------
    patterns
        (crystal, photosensor) typical charges of an event within one crystal.
    least_gain
        A pair must lower the χ² of the best single crystal by this much.
    brighter_first
        (distance class, share class) whether the brighter of two crystals was first in most
        training events; distance classes: side by side, diagonal, farther.
    table
        Every candidate tried.
    """

    patterns: Float = field(repr=False)
    columns: int
    least_gain: float
    brighter_first: NDArray[np.bool_] = field(repr=False)
    table: tuple[CrystalTrial, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float]:
        """Tuned parameters, for a table."""
        return {"least_gain_chi_squared": self.least_gain}

    def estimate(self, charges: ArrayLike) -> Crystals:
        """Return the crystal, (event,), from (event, photosensor) charges."""
        found = _unmix(check_charges(charges).astype(np.float64), self.patterns)
        return _decide(found, self.least_gain, self.brighter_first, self.columns)


@dataclass(frozen=True)
class _Unmixed:
    """Best single crystal, best pair (brighter first) with the brighter's share, and gain in χ²."""

    single: Crystals
    brighter: Crystals
    fainter: Crystals
    share: Float
    gain: Float


def _unmix(charges: Float, patterns: Float) -> _Unmixed:
    """Solve weighted least squares for every crystal and every pair of them.

    Weights are the inverse charges, which vary as Poisson numbers do.
    """
    first, second = np.triu_indices(len(patterns), 1)
    products = patterns[first] * patterns[second]
    parts: list[_Unmixed] = []
    for start in range(0, len(charges), _CHUNK):
        charge = charges[start : start + _CHUNK]
        weight = 1.0 / np.maximum(charge, 0.01 * charge.sum(axis=1, keepdims=True))
        match = (weight * charge) @ patterns.T
        norm = weight @ (patterns**2).T
        overlap = weight @ products.T
        alone = match**2 / norm
        single = alone.argmax(axis=1)
        row = np.arange(len(charge))
        a, b = match[:, first], match[:, second]
        na, nb = norm[:, first], norm[:, second]
        area = np.maximum(na * nb - overlap**2, 1e-12 * na * nb)
        of_first, of_second = (nb * a - overlap * b) / area, (na * b - overlap * a) / area
        explained = np.where(
            (of_first > 0) & (of_second > 0), of_first * a + of_second * b, -np.inf
        )
        best = explained.argmax(axis=1)
        one, two = of_first[row, best], of_second[row, best]
        swap = two > one
        share = np.maximum(one, two) / np.maximum(one + two, 1e-12)
        gain = explained[row, best] - alone[row, single]
        # Without an admissible pair the best single crystal stands for both.
        none = ~np.isfinite(gain)
        parts.append(
            _Unmixed(
                single,
                np.where(none, single, np.where(swap, second[best], first[best])),
                np.where(none, single, np.where(swap, first[best], second[best])),
                np.where(none, 1.0, share),
                np.where(none, 0.0, gain),
            )
        )
    return _Unmixed(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("single", "brighter", "fainter", "share", "gain")
        )
    )


def _classes(found: _Unmixed, columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows = np.abs(found.brighter // columns - found.fainter // columns)
    steps = np.abs(found.brighter % columns - found.fainter % columns)
    distance = np.where(rows + steps <= 1, 0, np.where((rows <= 1) & (steps <= 1), 1, 2))
    share = np.floor((found.share - 0.5) * (2 * _SHARES)).astype(np.int64)
    return distance, np.clip(share, 0, _SHARES - 1)


def _decide(
    found: _Unmixed, least_gain: float, brighter_first: NDArray[np.bool_], columns: int
) -> Crystals:
    distance, share = _classes(found, columns)
    of_pair = np.where(brighter_first[distance, share], found.brighter, found.fainter)
    return np.asarray(np.where(found.gain >= least_gain, of_pair, found.single), np.int64)


def fit_unmixing(
    charges: ArrayLike,
    crystal: NDArray[np.integer],
    selection_charges: ArrayLike,
    selection_crystal: NDArray[np.integer],
    crystals: int,
    columns: int,
    *,
    gains: Sequence[float] = _GAINS,
    most_events: int = 20_000,
    seed: int = 0,
) -> CrystalUnmixing:
    """Learn typical patterns and the order of pairs on training events; tune on selection events.

    Parameters
    ----------
    crystals, columns
        Number of crystals, and how many lie along x: crystal = row · columns + column.
    most_events
        The order of pairs is learned from at most this many events.

    Raises
    ------
    DataError
        Shapes do not fit, or a crystal has no training event.
    """
    light = _checked(charges, crystal).astype(np.float64)
    other = _checked(selection_charges, selection_crystal).astype(np.float64)
    if len(np.unique(crystal)) < crystals:
        missing = np.setdiff1d(np.arange(crystals), crystal)
        raise DataError("a crystal has no training event", field="element", value=int(missing[0]))
    patterns = np.stack([_typical(light[crystal == k]) for k in range(crystals)])
    patterns = np.maximum(patterns, 1e-3 * patterns.max())
    few = subset(np.random.default_rng(seed), len(light), most_events)
    learned = _unmix(light[few], patterns)
    tried = _unmix(other, patterns)
    distance, share = _classes(learned, columns)
    table, rules = [], []
    for gain in gains:
        pair = learned.gain >= gain
        votes = np.zeros((3, _SHARES))
        for candidate, sign in ((learned.brighter, 1.0), (learned.fainter, -1.0)):
            hit = pair & (candidate == crystal[few])
            np.add.at(votes, (distance[hit], share[hit]), sign)
        rules.append(votes >= 0)
        wrong = _decide(tried, gain, rules[-1], columns) != selection_crystal
        parameters = {"least_gain_chi_squared": gain}
        table.append(CrystalTrial(parameters, float(wrong.mean())))
    best = int(np.argmin([row.wrong for row in table]))
    return CrystalUnmixing(patterns, columns, gains[best], rules[best], tuple(table))


def _typical(light: Float) -> Float:
    """Return the mean charges of the half of the events that lie closest together.

    Events that stay within the crystal resemble each other; those that scatter go to all sides
    (concentration steps of Rousseeuw and Van Driessen 1999).
    """
    centre = np.median(light, axis=0)
    for _ in range(_STEPS):
        distance = ((light - centre) ** 2 / np.maximum(centre, 1e-3 * centre.sum())).sum(axis=1)
        nearest = np.argsort(distance, kind="stable")[: (len(light) + 1) // 2]
        centre = light[nearest].mean(axis=0)
    return np.asarray(centre)


def _checked(charges: ArrayLike, crystal: NDArray[np.integer]) -> Float32:
    light = check_charges(charges)
    if crystal.shape != (len(light),) or len(light) == 0:
        raise DataError(
            "one crystal per event is needed", field="element", value=(light.shape, crystal.shape)
        )
    return light

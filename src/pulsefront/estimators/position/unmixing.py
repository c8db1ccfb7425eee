"""Unmixing: the two crystals whose typical patterns add up to an event best, and who was first.

Light of all crystals is shared over a few photosensors. A gamma ray that scatters from one crystal
into another leaves light of both; the rule which of the two was first, given how they share the
energy, is learned from training events and tuned on events of other positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.position.patterns import (
    CrystalTrial,
    check_charges,
    check_crystals,
    fewest_wrong,
    subset,
)

__all__ = ["CrystalUnmixing", "fit_unmixing"]

Float = NDArray[np.float64]
Crystals = NDArray[np.int64]

_GAINS = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 1e9)
_SHARES = 10
_CHUNK = 1000
_STEPS = 8
_GAIN_CLASSES = 4


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
    gain_edges
        Ascending: the class of a gain is how many of them it exceeds.
    right
        (one or two crystals told, distance class, share class, gain class) share of the training
        events of that kind that are told right, with an event more of either sort.
    table
        Every candidate tried.
    """

    patterns: Float = field(repr=False)
    columns: int
    least_gain: float
    brighter_first: NDArray[np.bool_] = field(repr=False)
    gain_edges: Float = field(repr=False)
    right: Float = field(repr=False)
    table: tuple[CrystalTrial, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float]:
        """Tuned parameters, for a table."""
        return {"least_gain_chi_squared": self.least_gain}

    def estimate(self, charges: ArrayLike) -> Crystals:
        """Return the crystal, (event,), from (event, photosensor) charges."""
        found = _unmix(check_charges(charges).astype(np.float64), self.patterns)
        return _decide(found, self.least_gain, self.brighter_first, self.columns)

    def confidence(self, charges: ArrayLike) -> Float:
        """Return how many training events of its kind were told right, (event,), 0 to 1."""
        found = _unmix(check_charges(charges).astype(np.float64), self.patterns)
        return np.asarray(self.right[_kinds(found, self.least_gain, self.columns, self.gain_edges)])


class _Unmixed(NamedTuple):
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
    return _Unmixed(*(np.concatenate(column) for column in zip(*parts, strict=True)))


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


def _kinds(
    found: _Unmixed, least_gain: float, columns: int, gain_edges: Float
) -> tuple[NDArray[np.int64], ...]:
    """Return the indices of `CrystalUnmixing.right` of every event."""
    distance, share = _classes(found, columns)
    pair = (found.gain >= least_gain).astype(np.int64)
    return pair, distance, share, np.searchsorted(gain_edges, found.gain).astype(np.int64)


def _share_right(kinds: tuple[NDArray[np.int64], ...], right: NDArray[np.bool_]) -> Float:
    events, hits = (np.ones((2, 3, _SHARES, _GAIN_CLASSES)) * start for start in (2.0, 1.0))
    np.add.at(events, kinds, 1.0)
    np.add.at(hits, kinds, right.astype(np.float64))
    return np.asarray(hits / events)


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
    light = check_crystals(charges, crystal).astype(np.float64)
    other = check_crystals(selection_charges, selection_crystal).astype(np.float64)
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
    best = fewest_wrong(table)
    edges = np.quantile(learned.gain, np.arange(1, _GAIN_CLASSES) / _GAIN_CLASSES)
    told = _decide(learned, gains[best], rules[best], columns) == crystal[few]
    right = _share_right(_kinds(learned, gains[best], columns, edges), told)
    return CrystalUnmixing(patterns, columns, gains[best], rules[best], edges, right, tuple(table))


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

"""Candidate crystals of a pixelated array: what a network reads to find the first interaction.

A gamma ray that scatters between crystals leaves charge in several. A network scores the
candidates (a classification, `LossSettings(kind="classification")`), and the crystal of the
largest score is where the gamma ray interacted first. All of it is integer: gathering is
selection, scores are raw integers of the lowered model, and ties have a rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError

__all__ = ["NO_CRYSTAL", "CandidateCrystals", "brightest_crystals", "crystal_window"]

NO_CRYSTAL = -1
"""Stands for a candidate beyond the array's edge or without charge."""


@dataclass(frozen=True)
class CandidateCrystals:
    """The crystals among which a network chooses, event by event.

    Attributes
    ----------
    crystals
        (event, candidate) crystal number, row · columns + column; `NO_CRYSTAL` where there is
        none.
    inputs
        (event, n_in) non-negative raw integers that the network reads.
    names
        Of the inputs.
    """

    crystals: NDArray[np.int64]
    inputs: NDArray[np.int64]
    names: tuple[str, ...]

    def labels(self, first: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the candidate (event,) that is crystal *first* (event,), the class to learn.

        `NO_CRYSTAL` where the crystal is not among the candidates: leave these events out of
        training, and count them as wrong in a test, as `pick` does by itself.
        """
        hit = (self.crystals == np.asarray(first)[:, None]) & (self.crystals != NO_CRYSTAL)
        return np.where(hit.any(1), hit.argmax(1), NO_CRYSTAL)

    def pick(self, scores: NDArray[np.number]) -> NDArray[np.int64]:
        """Return the crystal (event,) of the largest score (event, candidate).

        Among equal scores the candidate that comes first wins, as in a chain of comparators that
        replaces its holder only by something larger. Candidates that do not exist cannot win;
        an event without any gives `NO_CRYSTAL`.

        Raises
        ------
        DataError
            The scores are not one per candidate.
        """
        scores = np.asarray(scores)
        if scores.shape != self.crystals.shape:
            raise DataError(
                f"one score per candidate {self.crystals.shape} is needed",
                field="scores",
                value=scores.shape,
            )
        exists = self.crystals != NO_CRYSTAL
        lowest = scores.min(initial=0)
        highest = np.where(exists, scores, lowest).max(1, keepdims=True)
        # argmax takes the first of equals; what does not exist loses even to the lowest score
        best = (exists & (scores == highest)).argmax(1)
        return np.take_along_axis(self.crystals, best[:, None], 1)[:, 0]


def crystal_window(
    counts: NDArray[np.integer], rows: int, columns: int, *, size: int = 3
) -> CandidateCrystals:
    """Return the *size* × *size* crystals around the brightest, row by row, with their charges.

    ``counts`` (event, rows · columns) are raw integers, one per crystal. Places beyond the edge
    read zero. One small network then serves the whole array.

    Raises
    ------
    DataError
        The counts do not fit the array, are negative, or *size* is even.
    """
    grid = _grid(counts, rows, columns)
    if size < 1 or size % 2 == 0:
        raise DataError("a window around a crystal has an odd size", field="size", value=size)
    reach = size // 2
    edge = ((0, 0), (reach, reach), (reach, reach))
    numbers = np.arange(rows * columns).reshape(1, rows, columns)
    padded = np.pad(grid, edge)
    numbers = np.pad(numbers, edge, constant_values=NO_CRYSTAL)
    row, column = np.divmod(grid.reshape(len(grid), -1).argmax(1), columns)
    steps = np.arange(size)
    # In the padded array the window's corner has the indices that its centre has in the array.
    at_row = row[:, None, None] + steps[:, None]
    at_column = column[:, None, None] + steps
    events = np.arange(len(grid))[:, None, None]
    shape = (len(grid), size * size)
    return CandidateCrystals(
        numbers[0, at_row, at_column].reshape(shape),
        padded[events, at_row, at_column].reshape(shape),
        tuple(f"charge_{r - reach:+d}_{c - reach:+d}" for r in steps for c in steps),
    )


def brightest_crystals(
    counts: NDArray[np.integer],
    rows: int,
    columns: int,
    *,
    candidates: int = 2,
    threshold: int = 0,
) -> CandidateCrystals:
    """Return the *candidates* brightest crystals, brightest first, above *threshold* counts.

    The inputs are their charges, then for each but the first its distance to the first in rows
    and in columns, without sign: where the array and the beam are mirror-symmetric, the sign
    tells nothing. Missing candidates have charge and distances zero. Equal charges are taken in
    the order of the crystals' numbers.

    Raises
    ------
    DataError
        The counts do not fit the array, are negative, or there are fewer crystals than
        candidates.
    """
    flat = _grid(counts, rows, columns).reshape(-1, rows * columns)
    if not 1 <= candidates <= rows * columns:
        raise DataError(
            f"an array of {rows * columns} crystals has no such number of candidates",
            field="candidates",
            value=candidates,
        )
    crystals = np.argsort(-flat, axis=1, kind="stable")[:, :candidates]
    charge = np.take_along_axis(flat, crystals, 1)
    exists = charge > threshold
    row, column = np.divmod(crystals, columns)
    parts = [np.where(exists, charge, 0)]
    names = [f"charge_{n + 1}" for n in range(candidates)]
    for n in range(1, candidates):
        for axis, kind in ((row, "rows"), (column, "columns")):
            distance = np.abs(axis[:, n] - axis[:, 0])
            parts.append(np.where(exists[:, n], distance, 0)[:, None])
            names.append(f"{kind}_to_{n + 1}")
    return CandidateCrystals(
        np.where(exists, crystals, NO_CRYSTAL), np.concatenate(parts, 1), tuple(names)
    )


def _grid(counts: NDArray[np.integer], rows: int, columns: int) -> NDArray[np.int64]:
    """Return counts (event, row, column) as int64 after a check."""
    values = np.asarray(counts)
    if values.ndim != 2 or values.shape[1] != rows * columns or values.dtype.kind not in "iu":
        raise DataError(
            f"an array of {rows}×{columns} crystals has raw integers (event, {rows * columns})",
            field="counts",
            value=(values.shape, str(values.dtype)),
        )
    if values.min(initial=0) < 0:
        raise DataError(
            "charges are not negative",
            field="counts",
            value=int(values.min()),
            remedy="subtract the pedestal with clipping at zero",
        )
    return values.astype(np.int64).reshape(-1, rows, columns)

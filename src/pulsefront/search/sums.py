"""Sums of inputs in the place of the inputs: one weight for all that a sum holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate
from pulsefront.networks.front_end import FrontEnd
from pulsefront.search.moments import Moments

__all__ = ["SumFamily", "extended", "families", "replace_by_sums"]


@dataclass(frozen=True)
class SumFamily:
    """Sums that could replace inputs, such as windows of two samples, or rows and columns.

    Attributes
    ----------
    columns
        (sum,) indices of the sums among the network's inputs.
    holds
        (sum, network input) whether all raw inputs of a network input belong to the sum.
    at_once
        Sums that overlap, as rows and columns do, make sense together alone.
    """

    columns: NDArray[np.intp]
    holds: NDArray[np.bool_]
    at_once: bool

    def covered(self, numbers: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which network inputs (network input,) the sums *numbers* hold."""
        return np.asarray(self.holds[numbers].any(axis=0))

    def useful(self, kept: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the numbers of the sums that would replace at least two of the inputs *kept*."""
        members = self.holds[:, kept].sum(1)
        return np.flatnonzero((members > 1) & ~np.isin(self.columns, kept))


def extended(raw: int, names: Sequence[str], sums: Sequence[FrontEnd]) -> FrontEnd:
    """Return a front end of the *raw* inputs themselves, then of all *sums* of them."""
    parts = [np.eye(raw, dtype=np.int8), *(one.matrix for one in sums)]
    return FrontEnd(np.hstack(parts), (*names, *(name for one in sums for name in one.names)))


def families(front_end: FrontEnd, sums: Sequence[FrontEnd]) -> tuple[SumFamily, ...]:
    """Return one family for each of *sums* of the `extended` front end."""
    matrix = front_end.matrix.astype(bool)
    start = front_end.n_raw
    result = []
    for one in sums:
        columns = np.arange(start, start + one.n_sums)
        start += one.n_sums
        # held: no raw input of the network input lies outside the sum
        outside = (~matrix[:, columns]).T.astype(np.int64) @ matrix.astype(np.int64)
        holds = outside == 0
        holds[np.arange(len(columns)), columns] = False
        overlap = bool((one.matrix.sum(1, dtype=np.int64) > 1).any())
        result.append(SumFamily(columns, holds, overlap))
    return tuple(result)


def replace_by_sums(
    candidate: Candidate, family: SumFamily, numbers: NDArray[np.intp], moments: Moments
) -> Candidate:
    """Return *candidate* with the sums *numbers* of *family* in the place of what they hold.

    *moments* are those of all network inputs: the sums and the inputs that stay take over what
    they can tell of those that go.
    """
    kept = candidate.kept_inputs
    held = family.covered(numbers)[kept]
    new = np.sort(np.concatenate([kept[~held], family.columns[numbers]]))
    first = candidate.weights[0]
    weight = np.zeros((len(new), first.shape[1]))
    weight[np.searchsorted(new, kept[~held])] = first[~held]
    both = np.concatenate([new, kept[held]])
    indices = np.arange(len(both))
    slope, offset = moments.part(both).stand_in(indices[: len(new)], indices[len(new) :])
    weight += slope @ first[held]
    bias = candidate.biases[0] + offset @ first[held]
    return replace(
        candidate,
        kept_inputs=new,
        weights=(weight.astype(np.float32), *candidate.weights[1:]),
        biases=(bias.astype(np.float32), *candidate.biases[1:]),
    )

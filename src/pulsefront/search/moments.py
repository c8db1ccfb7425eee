"""Means and covariances of signals: which of them are needed, and what tells of those that go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments"]

RIDGE = 1e-4
"""Share of the mean variance that steadies the least squares between correlated signals."""


@dataclass(frozen=True)
class Moments:
    """Mean (n,) and covariance (n, n) of the signals that enter a dense layer."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @staticmethod
    def of(signals: NDArray[np.float64]) -> Moments:
        """Return the moments of *signals* (event, n)."""
        mean = signals.mean(0)
        centred = signals - mean
        return Moments(mean, centred.T @ centred / len(signals))

    def part(self, indices: NDArray[np.intp]) -> Moments:
        """Return the moments of the signals at *indices*."""
        return Moments(self.mean[indices], self.covariance[np.ix_(indices, indices)])

    @property
    def _steady(self) -> float:
        return RIDGE * float(np.trace(self.covariance)) / len(self.mean) + 1e-12

    def least_needed(self, rises: NDArray[np.float64], amount: int) -> NDArray[np.intp]:
        """Return the indices to keep, ascending, when *amount* of the signals go.

        They go one by one. The first is the one whose loss *rises* least without it; when it is
        gone, those that could have stood in for it, or it for them, are needed more: a rise
        grows with the variance of the signal that the others left do not tell,
        1 / (inverse covariance)_ii.
        """
        inverse = np.linalg.inv(self.covariance + self._steady * np.eye(len(self.mean)))
        own = 1.0 / np.diag(inverse)
        left = np.ones(len(self.mean), dtype=bool)
        for _ in range(amount):
            growth = np.where(left, 1.0 / np.where(left, np.diag(inverse), 1.0), 0.0) / own
            needed = np.where(rises > 0, rises * growth, rises)
            gone = int(np.argmin(np.where(left, needed, np.inf)))
            left[gone] = False
            column = inverse[:, gone : gone + 1]
            inverse = inverse - column @ column.T / inverse[gone, gone]
        return np.flatnonzero(left)

    def stand_in(
        self, keep: NDArray[np.intp], gone: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (keep, gone) and (gone,): the least-squares estimate of what is gone.

        gone ≈ keep @ first + second, fitted over the events of these moments.
        """
        among = self.covariance[np.ix_(keep, keep)]
        across = self.covariance[np.ix_(keep, gone)]
        slope = np.asarray(
            np.linalg.solve(among + self._steady * np.eye(len(keep)), across), dtype=np.float64
        )
        return slope, self.mean[gone] - self.mean[keep] @ slope

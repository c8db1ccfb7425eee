"""What all estimators share: scikit-learn's conventions, a unit, a score."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pulsefront.errors import DataError
from pulsefront.evaluate.metrics import central_width, median_error

__all__ = ["DetectorEstimator", "EstimateWarning", "PositionRegressor", "TimeRegressor"]


class EstimateWarning(UserWarning):
    """Events have no estimate: they are NaN among those that have one."""


# scikit-learn ships no types.
class DetectorEstimator(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """An estimate of what a detector saw, in ``unit``.

    Arrays may be NumPy's, a pandas frame, or a regular Awkward array; inputs are ADC counts.
    """

    axes: ClassVar[int] = 2
    """of the input: (event, channel)"""
    unit: ClassVar[str] = ""
    """of labels and estimates"""

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Return the estimates of events."""
        raise NotImplementedError

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        """Return minus the error, in the unit of the labels: larger is better."""
        raise NotImplementedError

    def _require_fitted(self) -> None:
        check_is_fitted(self)


class PositionRegressor(DetectorEstimator):
    """Position of interaction, (event, 2) or (event, 3), in mm, from charges (event, channel)."""

    unit: ClassVar[str] = "mm"

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        """Return minus the median Euclidean error in mm: larger is better."""
        estimated = self.predict(X)
        return -median_error(estimated - np.asarray(y, np.float64))


class TimeRegressor(DetectorEstimator):
    """Time difference t0 − t1, (event,), in ns, from waveforms (event, 2, sample)."""

    axes: ClassVar[int] = 3
    unit: ClassVar[str] = "ns"
    without_estimate: ClassVar[str] = "a pulse is flat or crosses no threshold"
    """why an event has no time"""
    least_share: ClassVar[float] = 0.99
    """of events that need an estimate: none may gain by losing the difficult ones"""

    def _tell_without_estimate(self, found: NDArray[np.float64]) -> None:
        """Warn where events of a prediction have no time, so that no NaN goes on in silence."""
        absent = np.flatnonzero(np.isnan(found))
        if len(absent):
            warnings.warn(
                f"{len(absent):,} of {len(found):,} events have no time and are NaN, the first is "
                f"event {absent[0]}: {self.without_estimate}",
                EstimateWarning,
                stacklevel=3,
            )

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        """Return minus the central 76.1 % width in ns: larger is better.

        Raises
        ------
        DataError
            More than one event in a hundred has no estimate.
        """
        with warnings.catch_warnings():
            # How many may have none is judged here.
            warnings.simplefilter("ignore", EstimateWarning)
            residual = self.predict(X) - np.asarray(y, np.float64)
        known = np.isfinite(residual)
        if known.mean() < self.least_share:
            raise DataError(
                "events have no estimate",
                value=int((~known).sum()),
                remedy="select events whose pulses cross the threshold",
            )
        return -central_width(residual[known])

"""What all estimators share: scikit-learn's conventions, a unit, a score."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pulsefront.errors import DataError
from pulsefront.evaluate.metrics import central_width, median_error

__all__ = ["DetectorEstimator", "PositionRegressor", "TimeRegressor"]


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
    least_share: ClassVar[float] = 0.99
    """of events that need an estimate: none may gain by losing the difficult ones"""

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        """Return minus the central 76.1 % width in ns: larger is better.

        Raises
        ------
        DataError
            More than one event in a hundred has no estimate.
        """
        residual = self.predict(X) - np.asarray(y, np.float64)
        known = np.isfinite(residual)
        if known.mean() < self.least_share:
            raise DataError(
                "events have no estimate",
                value=int((~known).sum()),
                remedy="select events whose pulses cross the threshold",
            )
        return -central_width(residual[known])

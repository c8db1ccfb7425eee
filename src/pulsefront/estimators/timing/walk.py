"""Time walk: a threshold is crossed later by a smaller pulse; fitted and taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError

__all__ = ["WalkCorrection", "fit_walk", "fit_walk_of_pairs"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WalkCorrection:
    """Walk ``w(A) = Σ_k c_k u^k`` with ``u = √(A₀ / A)``, of one channel.

    A pulse that rises as a power of time crosses a fixed threshold later by a power of 1/A; the
    polynomial in its root covers rises between linear (k = 2) and steep (k = 1).

    Attributes
    ----------
    coefficients
        c_1 … c_n in the unit of the times. There is no constant: that is the channel's offset.
    amplitude_scale
        A₀, which makes u of the order of one.
    amplitude_low, amplitude_high
        Range of the fit; amplitudes beyond it are corrected as at its end.
    """

    coefficients: tuple[float, ...]
    amplitude_scale: float
    amplitude_low: float
    amplitude_high: float

    def walk(self, amplitudes: Floats) -> Floats:
        """Return the walk of each amplitude; NaN where the amplitude is not positive."""
        terms = _terms(
            np.clip(amplitudes, self.amplitude_low, self.amplitude_high),
            self.amplitude_scale,
            len(self.coefficients),
        )
        walk = terms @ np.asarray(self.coefficients)
        return np.where(np.asarray(amplitudes) > 0, walk, np.nan)

    def correct(self, times: Floats, amplitudes: Floats) -> Floats:
        """Return *times* without their walk."""
        return np.asarray(times - self.walk(amplitudes))

    def as_json(self) -> dict[str, Any]:
        """Return the correction as plain JSON values."""
        return {
            "coefficients": list(self.coefficients),
            "amplitude_scale": self.amplitude_scale,
            "amplitude_low": self.amplitude_low,
            "amplitude_high": self.amplitude_high,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> WalkCorrection:
        """Return the correction that `as_json` wrote."""
        return cls(
            tuple(float(c) for c in content["coefficients"]),
            float(content["amplitude_scale"]),
            float(content["amplitude_low"]),
            float(content["amplitude_high"]),
        )


def fit_walk(residuals: Floats, amplitudes: Floats, *, order: int = 2) -> WalkCorrection:
    """Fit the walk of one channel from its time residuals against something without walk.

    Least squares with an offset, repeated without the events beyond four robust deviations.

    Parameters
    ----------
    residuals
        (event,) time minus reference, in any unit.
    amplitudes
        (event,) of the same pulses.
    order
        Number of terms.

    Raises
    ------
    DataError
        Fewer usable events than ten per term.
    """
    good = _usable(residuals, amplitudes, terms=order)
    scale = float(np.median(amplitudes[good]))
    matrix = _terms(amplitudes[good], scale, order)
    fitted = _robust_fit(matrix, residuals[good])
    return _correction(fitted, amplitudes[good], scale)


def fit_walk_of_pairs(
    differences: Floats, amplitudes_0: Floats, amplitudes_1: Floats, *, order: int = 2
) -> tuple[WalkCorrection, WalkCorrection]:
    """Fit the walks of two channels at once from coincidences.

    Parameters
    ----------
    differences
        (event,) t₀ − t₁ minus what is known of it (the source offset).
    amplitudes_0, amplitudes_1
        (event,) of the two pulses.
    order
        Terms per channel.

    Returns
    -------
    corrections
        Of channel 0 and of channel 1: subtract each from its own times.

    Raises
    ------
    DataError
        Fewer usable events than ten per term.
    """
    good = _usable(differences, amplitudes_0, amplitudes_1, terms=2 * order)
    scales = float(np.median(amplitudes_0[good])), float(np.median(amplitudes_1[good]))
    matrix = np.hstack(
        [
            _terms(amplitudes_0[good], scales[0], order),
            -_terms(amplitudes_1[good], scales[1], order),
        ]
    )
    fitted = _robust_fit(matrix, differences[good])
    return (
        _correction(fitted[:order], amplitudes_0[good], scales[0]),
        _correction(fitted[order:], amplitudes_1[good], scales[1]),
    )


def _terms(amplitudes: Floats, scale: float, order: int) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(scale / np.asarray(amplitudes, np.float64))
    return np.stack([root**k for k in range(1, order + 1)], axis=-1)


def _usable(*columns: Floats, terms: int) -> NDArray[np.bool_]:
    good = np.logical_and.reduce([np.isfinite(column) for column in columns])
    for amplitudes in columns[1:]:
        good &= amplitudes > 0
    if good.sum() < 10 * (terms + 1):
        raise DataError(
            "too few events to fit a walk",
            field="events",
            value=int(good.sum()),
            remedy=f"give at least {10 * (terms + 1)}",
        )
    return np.asarray(good)


def _robust_fit(matrix: Floats, values: Floats) -> Floats:
    """Return the coefficients of *matrix* beside a free constant, outliers left out."""
    with_constant = np.hstack([matrix, np.ones((len(matrix), 1))])
    keep = np.ones(len(values), np.bool_)
    solution = np.zeros(with_constant.shape[1])
    for _ in range(10):
        solution = np.linalg.lstsq(with_constant[keep], values[keep], rcond=None)[0]
        residual = values - with_constant @ solution
        middle = np.median(residual[keep])
        width = 1.4826 * np.median(np.abs(residual[keep] - middle))
        now = np.abs(residual - middle) <= max(4.0 * width, 1e-12)
        if (now == keep).all() or now.sum() < 2 * with_constant.shape[1]:
            break
        keep = now
    return np.asarray(solution[:-1])


def _correction(coefficients: Floats, amplitudes: Floats, scale: float) -> WalkCorrection:
    low, high = np.percentile(amplitudes, [0.5, 99.5])
    return WalkCorrection(tuple(coefficients.tolist()), scale, float(low), float(high))

"""Time walk: a threshold is crossed later by a smaller pulse; fitted to pairs and taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from pulsefront.errors import DataError
from pulsefront.evaluate.record import Record

__all__ = ["WalkCorrection", "fit_walks"]

Floats = NDArray[np.float64]

LEAST_EVENTS_PER_TERM = 10


class WalkCorrection(Record):
    """Walk ``w(A) = Σ_k c_k u^k`` with ``u = √(A₀ / A)``, of one channel.

    A pulse that rises as a power of time crosses a fixed threshold later by a power of 1/A; the
    polynomial in its root covers rises between linear (k = 2) and steep (k = 1).
    """

    coefficients: tuple[float, ...]
    """c_1 … c_n in the unit of the times; no constant, which is the channel's offset"""
    amplitude_scale: float
    """A₀, which makes u of the order of one"""
    amplitude_low: float
    """lower end of the fit; smaller amplitudes are corrected as there"""
    amplitude_high: float
    """upper end of the fit; larger amplitudes are corrected as there"""

    @property
    def span(self) -> float:
        """How much later the smallest amplitude of the range is than the largest."""
        early, late = self.walk([self.amplitude_high, self.amplitude_low])
        return float(late - early)

    def walk(self, amplitudes: ArrayLike) -> Floats:
        """Return the walk of each amplitude; NaN where the amplitude is not positive."""
        heights = np.asarray(amplitudes, np.float64)
        within = np.clip(heights, self.amplitude_low, self.amplitude_high)
        terms = _terms(within, self.amplitude_scale, len(self.coefficients))
        return np.where(heights > 0, terms @ np.asarray(self.coefficients), np.nan)


def fit_walks(
    differences: Floats,
    channel: NDArray[np.integer],
    amplitudes: Floats,
    channels: int,
    *,
    order: int = 2,
) -> tuple[WalkCorrection | None, ...]:
    """Fit the walks of all channels at once from pairs of them.

    Least squares with an offset per channel, repeated without the events beyond four robust
    deviations.

    Parameters
    ----------
    differences
        (event,) t₀ − t₁ minus what is known of it (the source offset).
    channel
        (event, 2) index of the channel of either side, 0 … *channels* − 1.
    amplitudes
        (event, 2) of the two pulses.
    order
        Terms per channel.

    Returns
    -------
    corrections
        Of each channel: subtract it from that channel's times; None for a channel with fewer
        usable events than ten per term.

    Raises
    ------
    DataError
        No channel has enough events.
    """
    good = np.isfinite(differences) & (np.isfinite(amplitudes) & (amplitudes > 0)).all(axis=1)
    least = LEAST_EVENTS_PER_TERM * (order + 1)
    counts = np.bincount(channel[good].ravel(), minlength=channels)
    good &= (counts[channel] >= least).all(axis=1)
    counts = np.bincount(channel[good].ravel(), minlength=channels)
    if not (counts >= least).any():
        raise DataError(
            "too few events to fit a walk",
            field="events",
            value=int(good.sum()),
            remedy=f"give at least {least} of each channel",
        )
    values, side, heights = differences[good], channel[good], amplitudes[good]
    scales = np.ones(channels)
    for number in np.flatnonzero(counts):
        scales[number] = np.median(heights[side == number])
    solution = _robust_fit(_design(side, heights, scales, order), values)
    coefficients = solution[: channels * order].reshape(channels, order)
    return tuple(
        _correction(coefficients[number], heights[side == number], scales[number])
        if counts[number] >= least
        else None
        for number in range(channels)
    )


def _terms(amplitudes: Floats, scale: float | Floats, order: int) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(scale / amplitudes)
    return np.stack([root**k for k in range(1, order + 1)], axis=-1)


def _design(side: NDArray[np.integer], heights: Floats, scales: Floats, order: int) -> csr_array:
    """Return (event, term): the terms of both channels, then their offsets, by channel."""
    events, channels = len(side), len(scales)
    terms = np.concatenate([_terms(heights, scales[side], order), np.ones((events, 2, 1))], axis=2)
    terms *= np.array([1.0, -1.0])[:, None]
    of_walk = side[:, :, None] * order + np.arange(order)
    of_offset = channels * order + side[:, :, None]
    columns = np.concatenate([of_walk, of_offset], axis=2)
    rows = np.repeat(np.arange(events), columns[0].size)
    shape = (events, channels * (order + 1))
    return csr_array((terms.ravel(), (rows, columns.ravel())), shape=shape)


def _robust_fit(design: csr_array, values: Floats) -> Floats:
    """Return the least-squares coefficients, outliers left out."""
    keep = np.ones(len(values), np.bool_)
    solution = np.zeros(design.shape[1])
    for _ in range(10):
        part = design[np.flatnonzero(keep)]
        # One constant is common to all offsets: of all solutions this is the smallest.
        solution = np.linalg.lstsq((part.T @ part).toarray(), part.T @ values[keep], rcond=None)[0]
        residual = values - design @ solution
        middle = np.median(residual[keep])
        width = 1.4826 * np.median(np.abs(residual[keep] - middle))
        now = np.abs(residual - middle) <= max(4.0 * width, 1e-12)
        if (now == keep).all() or now.sum() < 2 * design.shape[1]:
            break
        keep = now
    return np.asarray(solution)


def _correction(coefficients: Floats, amplitudes: Floats, scale: float) -> WalkCorrection:
    low, high = np.percentile(amplitudes, [0.5, 99.5])
    return WalkCorrection(
        coefficients=tuple(coefficients.tolist()),
        amplitude_scale=float(scale),
        amplitude_low=float(low),
        amplitude_high=float(high),
    )

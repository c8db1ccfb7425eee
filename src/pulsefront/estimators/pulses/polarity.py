"""On which side of the baseline the pulses of a channel lie.

For pickoff and charges, and for the windows of studies: a network that reads pulses upside down
learns noise.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError

__all__ = ["Side", "channels_of", "find_polarities"]

Floats = NDArray[np.float64]
Side = Literal["positive", "negative"]

MOST_EVENTS = 1000
CLEAR_NOISE = 10.0
"""A pulse that counts is this many times higher than neighbouring samples lie apart."""

LEAST_CLEAR = 5
FIRST_LOBE_SHARE = 0.5
"""Of the largest excursion: what first goes so far is the first lobe."""


def find_polarities(
    waveforms: NDArray[Any], start: int = 0, stop: int | None = None
) -> tuple[Side, ...]:
    """Return the side of the pulses of each channel; of bipolar pulses, that of the first lobe.

    The clear pulses decide; without them, the side on which the median largest excursion is larger.

    Parameters
    ----------
    waveforms
        (event, sample) or (event, channel, sample), as digitized; the first 1,000 events decide.
    start, stop
        Gate of the baseline; the first 1/32 of the samples if *stop* is None.

    Raises
    ------
    DataError
        The array has another number of axes.
    """
    rows = channels_of(waveforms)[:MOST_EVENTS]
    stop = start + max(rows.shape[2] // 32, 4) if stop is None else stop
    return tuple(_side(rows[:, c], start, stop) for c in range(rows.shape[1]))


def _side(waveforms: NDArray[Any], start: int, stop: int) -> Side:
    waves = np.asarray(waveforms, np.float64)
    waves = waves[np.isfinite(waves).all(axis=1)]
    if not len(waves):
        return "positive"
    waves = waves - np.median(waves[:, start:stop], axis=1, keepdims=True)
    size = np.abs(waves)
    height = size.max(axis=1)
    clear = height > CLEAR_NOISE * _noise(waves)
    if clear.sum() < LEAST_CLEAR:
        up, down = np.median(waves.max(axis=1)), np.median(-waves.min(axis=1))
        return "negative" if down > up else "positive"
    waves, size, height = waves[clear], size[clear], height[clear]
    first = np.argmax(size >= FIRST_LOBE_SHARE * height[:, None], axis=1)
    signs = np.sign(waves[np.arange(len(waves)), first])
    return "negative" if np.median(signs) < 0 else "positive"


def channels_of(waveforms: NDArray[Any]) -> NDArray[Any]:
    """Return waveforms as (event, channel, sample).

    Raises
    ------
    DataError
        They are neither that nor (event, sample).
    """
    waveforms = np.asarray(waveforms)
    if waveforms.ndim == 2:
        return waveforms[:, None]
    if waveforms.ndim == 3 and waveforms.shape[1]:
        return waveforms
    raise DataError(
        "waveforms must be (event, sample) or (event, channel, sample)",
        field="shape",
        value=waveforms.shape,
    )


def _noise(waves: Floats) -> Floats:
    """Return how far neighbouring samples lie apart: no gate without a pulse is known yet."""
    if waves.shape[1] < 2:
        return np.full(len(waves), np.inf)
    return np.asarray(np.median(np.abs(np.diff(waves, axis=1)), axis=1))

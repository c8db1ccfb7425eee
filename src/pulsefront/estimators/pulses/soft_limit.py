"""The level at which an amplifier limits pulses before noise is added: a flat top with noise on it.

No code is more frequent than its neighbours there. But the largest samples of many events lie
within the noise of one level, where a smooth spectrum has few, and pulses stay there the longer the
larger they would be. Equal pulses, as a photopeak or a test pulse has them, lie within the noise of
one level too, and stay there as long as other pulses stay near their own tops.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_soft_limit"]

Floats = NDArray[np.float64]

BAND_NOISE = 6.0
"""Largest samples of flat tops lie within so many noise spreads: from about the level to 4 above
it for the longest, and the few that reach it for a sample or two."""

BANDS_BELOW = 8
MOST_OF_HEIGHT = 0.03
"""A band wider than this share of the height may hold a photopeak."""

LEAST_IN_BAND = 8
LEAST_EXCESS = 3.0
LONGER = 2.0
"""A top must be so many times as long as those of other pulses, and vary by half of itself."""

VARIED = 1.5
LEAST_VARIED_SAMPLES = 3
LOWEST_OTHER, HIGHEST_OTHER = 0.3, 0.97
"""Pulses of these shares of the height say how long a top is."""

BELOW_LEVEL_NOISE = 2.0
"""A single sample at the level lies lower in one of 44 events."""

LOOKED_AT = 200


class SoftLimit(NamedTuple):
    """Where samples are limited, the middle of flat tops, and how many events are there.

    A smooth spectrum would have those that are expected.
    """

    level_adc: float
    middle_adc: float
    events: int
    expected: float


def find_soft_limit(
    waveforms: NDArray[Any],
    rows: NDArray[np.int64],
    reached: Floats,
    sign: float,
    gate: slice,
    step: float,
    most_beyond: int,
) -> SoftLimit | None:
    """Return the level at which the tops of pulses are flat but for noise.

    Parameters
    ----------
    waveforms
        (event, sample).
    rows, reached
        (n,) events that can be trusted, and *sign* times their farthest sample.
    sign
        −1 where pulses go down.
    gate
        Samples of the baseline.
    step
        Distance of neighbouring codes; 0 where samples are not digital.
    most_beyond
        So many events may lie beyond the level.

    Returns
    -------
    found
        None where there is no such level.
    """
    if len(rows) < 2 * LEAST_IN_BAND:
        return None
    top = float(np.sort(reached)[-1 - most_beyond])
    inside = sign * waveforms[rows[:LOOKED_AT], gate].astype(np.float64)
    noise = float(max(np.median(inside.std(axis=1)), 0.5 * step))
    band, height = BAND_NOISE * noise, top - float(np.median(inside))
    if not 0.0 < band < MOST_OF_HEIGHT * height:
        return None
    in_band = (reached >= top - band) & (reached <= top)
    near = np.count_nonzero(reached > top - (1 + BANDS_BELOW) * band) - np.count_nonzero(
        reached >= top - band
    )
    count, expected = int(np.count_nonzero(in_band)), near / BANDS_BELOW
    if count < max(LEAST_IN_BAND, LEAST_EXCESS * expected):
        return None
    share = (reached - (top - height)) / height
    others = rows[(share > LOWEST_OTHER) & (share < HIGHEST_OTHER)][:LOOKED_AT]
    if len(others) < LEAST_IN_BAND:
        return None
    tops = sign * waveforms[rows[in_band][:LOOKED_AT]].astype(np.float64)
    flat = _length(tops, band, 1.0)
    usual = sign * waveforms[others].astype(np.float64)
    usual_length = np.median(_length(usual, band, (usual.max(axis=1) - (top - height)) / height))
    short, middle, long = np.quantile(flat, [0.1, 0.5, 0.9])
    longer = middle >= LONGER * usual_length + 1.0
    if not longer or long < max(VARIED * short, short + LEAST_VARIED_SAMPLES):
        return None
    level = float(np.median(tops[tops >= tops.max(axis=1, keepdims=True) - band]))
    return SoftLimit(sign * (level - BELOW_LEVEL_NOISE * noise), sign * level, count, expected)


def _length(pulses: Floats, band: float, share: Floats | float) -> NDArray[np.int64]:
    """Return how many samples of each pulse lie within a band, scaled to its height, of its top."""
    reach = np.broadcast_to(np.asarray(band * share), len(pulses))
    return np.asarray((pulses >= (pulses.max(axis=1) - reach)[:, None]).sum(axis=1))

"""Coincidence time resolution of pairs of channels, of photopeak events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.statistics import fwhm_statistic
from pulsefront.measured.calibration.channel_times import ChannelPair
from pulsefront.measured.calibration.record import PairResolution

__all__ = ["core_of", "pair_resolutions"]

Floats = NDArray[np.float64]

LEAST_EVENTS = 100
MOST_EVENTS = 100_000
MOST_PAIRS = 50
FAR_SIGMAS = 8.0
REPLICATES = 200


def pair_resolutions(
    pairs: Sequence[ChannelPair], channels: Sequence[int]
) -> tuple[PairResolution, ...]:
    """Return the FWHM of the time differences of each pair of channels, both in the photopeak.

    It is read from the histogram as NEMA does; its standard error is that of 200 bootstrap
    replicates with Poisson weights. Of more than fifty pairs those with most events are told.

    Parameters
    ----------
    channels
        Number of each channel that is calibrated.
    """
    found = []
    most = sorted(pairs, key=lambda pair: -int(np.count_nonzero(pair.in_peak)))[:MOST_PAIRS]
    for pair in most:
        near = core_of(pair)
        if pair.first == pair.second or len(near) < LEAST_EVENTS:
            continue
        numbers = channels[pair.first], channels[pair.second]
        try:
            width, error = _width_and_error(near[:MOST_EVENTS])
        except DataError:
            continue
        found.append(
            PairResolution(
                channels=numbers,
                events=len(near),
                ctr_fwhm_ps=1000.0 * width,
                ctr_fwhm_error_ps=1000.0 * error,
            )
        )
    return tuple(found)


def core_of(pair: ChannelPair) -> Floats:
    """Return the differences in ns of photopeak events, without random coincidences far away."""
    near = pair.difference_ns[pair.in_peak & np.isfinite(pair.difference_ns)]
    if not len(near):
        return near
    middle = float(np.median(near))
    sigma = 1.4826 * float(np.median(np.abs(near - middle)))
    return np.asarray(near[np.abs(near - middle) <= FAR_SIGMAS * sigma])


def _width_and_error(differences: Floats) -> tuple[float, float]:
    statistic = fwhm_statistic(differences)
    random = np.random.default_rng(1)
    replicates = [
        statistic(random.poisson(1.0, len(differences)).astype(np.float64))
        for _ in range(REPLICATES)
    ]
    return statistic(np.ones(len(differences))), float(np.std(replicates))

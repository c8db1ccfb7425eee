"""Gains and time offsets of channels, from point-source data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.energy.photopeak import find_photopeak

__all__ = ["PairDifference", "channel_gains", "channel_time_offsets", "photopeak_gains"]

Floats = NDArray[np.float64]
GAIN_ROUNDS = 10
HOLD = 1e-3


def channel_gains(charges: NDArray[Any], *, least_events: int = 100) -> Floats:
    """Return factors that bring the channels of a point-source set to one gain.

    In a flood or a scan that treats all channels alike, their charges have one distribution, and
    its upper part is light that the channel saw directly. The factor of a channel is the mean
    over channels of the 95th percentile, divided by its own.

    Parameters
    ----------
    charges
        (event, channel).
    least_events
        Finite charges that a channel needs.

    Raises
    ------
    DataError
        A channel is dead or has too few events.
    """
    charges = np.asarray(charges, np.float64)
    if charges.ndim != 2:
        raise DataError("must be (event, channel)", field="charges", value=charges.shape)
    finite = np.isfinite(charges)
    few = np.flatnonzero(finite.sum(axis=0) < least_events)
    if len(few):
        raise DataError(
            "too few events",
            field=f"channel {few[0]}",
            value=int(finite[:, few[0]].sum()),
            remedy=f"at least {least_events} are needed",
        )
    upper = np.nanpercentile(np.where(finite, charges, np.nan), 95, axis=0)
    dead = np.flatnonzero(~(upper > 0))
    if len(dead):
        raise DataError("has no charge", field=f"channel {dead[0]}", remedy="leave it out")
    return np.asarray(upper.mean() / upper)


def photopeak_gains(charges: NDArray[Any], *, least_events: int = 100) -> Floats:
    """Return factors that make the sum over photosensors the same for all photopeak events.

    Least squares of ``Σ_i g_i q_i`` against the position of the photopeak over the events within
    two sigmas of it, repeated as the peak gets narrower; held towards one gain where the events
    do not say. It finds differences of gain wherever the source stood, and evens out what light
    the edges lose, which percentiles of each channel would take for gain.

    Parameters
    ----------
    charges
        (event, photosensor), finite.
    least_events
        Charges that a channel needs.

    Returns
    -------
    factors
        (photosensor,) of mean one.

    Raises
    ------
    DataError
        A channel is dead or has too few events, or the sum has no photopeak.
    """
    channel_gains(charges, least_events=least_events)  # refuses dead channels
    charges = np.asarray(charges, np.float64)
    charges = charges[np.isfinite(charges).all(axis=1)]
    gains = np.ones(charges.shape[1])
    for _ in range(GAIN_ROUNDS):
        total = charges @ gains
        peak = find_photopeak(total)
        inside = peak.contains(total, 2.0)
        part = charges[inside]
        normal = part.T @ part
        hold = HOLD * np.trace(normal) / len(gains) * np.eye(len(gains))
        step = np.linalg.solve(normal + hold, part.T @ (peak.position - total[inside]))
        gains = (gains + step) / (gains + step).mean()
        if np.abs(step).max() < 1e-4:
            break
    return np.asarray(gains)


class PairDifference(NamedTuple):
    """Median of t_first − t_second less what is expected of it, and its standard error."""

    first: int
    second: int
    difference: float
    uncertainty: float


def channel_time_offsets(differences: Sequence[PairDifference], channels: int) -> Floats:
    """Return the time offset of each channel from measured differences between pairs.

    Weighted least squares of ``o_i − o_j = d``; the offsets of each connected set of channels add
    up to zero.

    Parameters
    ----------
    differences
        One per pair of channels.
    channels
        Number of channels.

    Returns
    -------
    offsets
        (channel,) in the unit of the differences; NaN for a channel in no pair.

    Raises
    ------
    ConfigError
        A pair names a channel that is not there, or an uncertainty is not positive.
    """
    rows, values, seen = [], [], np.zeros(channels, np.bool_)
    for i, j, difference, uncertainty in differences:
        if not (0 <= i < channels and 0 <= j < channels and i != j):
            raise ConfigError("names no pair of channels", field="differences", value=(i, j))
        if not uncertainty > 0:
            raise ConfigError("must be positive", field="uncertainty", value=uncertainty)
        row = np.zeros(channels)
        row[i], row[j] = 1.0 / uncertainty, -1.0 / uncertainty
        rows.append(row)
        values.append(difference / uncertainty)
        seen[[i, j]] = True
    if not rows:
        return np.full(channels, np.nan)
    # The least-squares solution of smallest norm is the one whose connected sets add up to zero.
    solution = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return np.where(seen, solution, np.nan)

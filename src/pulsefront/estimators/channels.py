"""Gains and time offsets of channels, from point-source data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError

__all__ = ["channel_gains", "channel_time_offsets"]

Floats = NDArray[np.float64]


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
            "too few events", field=f"channel {few[0]}", value=int(finite[:, few[0]].sum())
        )
    upper = np.nanpercentile(np.where(finite, charges, np.nan), 95, axis=0)
    dead = np.flatnonzero(~(upper > 0))
    if len(dead):
        raise DataError("has no charge", field=f"channel {dead[0]}", remedy="leave it out")
    return np.asarray(upper.mean() / upper)


def channel_time_offsets(
    differences: Sequence[tuple[int, int, float, float]], channels: int
) -> Floats:
    """Return the time offset of each channel from measured differences between pairs.

    Weighted least squares of ``o_i − o_j = d``; the offsets of each connected set of channels add
    up to zero.

    Parameters
    ----------
    differences
        (i, j, median of t_i − t_j minus the expected difference, its uncertainty) per pair.
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

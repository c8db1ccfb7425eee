"""Fewer readout channels than photosensors: sums of rows and columns, and charge division."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector

__all__ = ["multiplexing"]


def multiplexing(detector: Detector, mode: str | None = None) -> NDArray[np.float64]:
    """Return what part of the charge of each photosensor goes to each readout channel.

    Parameters
    ----------
    mode
        "pixels", "row_column" or "charge_division"; None takes that of the charge readout.

    Returns
    -------
    ndarray
        (channel, sensor). For "pixels" the identity. For "row_column" the sums over columns of
        equal ix, then over rows of equal iy; each photosensor gives half to its column and half
        to its row. For "charge_division" four corners of a resistive network: −x−y, +x−y, −x+y,
        +x+y; each photosensor's charge is divided linearly by its position, so that the sum of
        the four is the charge.
    """
    nx, ny = detector.sensors.grid
    count = nx * ny
    ix, iy = np.arange(count) % nx, np.arange(count) // nx
    if mode is None:
        mode = detector.charge.multiplexing if detector.charge else "pixels"
    if mode == "row_column":
        columns = (ix[None, :] == np.arange(nx)[:, None]) / 2.0
        rows = (iy[None, :] == np.arange(ny)[:, None]) / 2.0
        return np.vstack([columns, rows])
    if mode == "charge_division":
        u = (ix + 0.5) / nx
        v = (iy + 0.5) / ny
        return np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])
    return np.eye(count)

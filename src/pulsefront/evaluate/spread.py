"""A few events that stand for all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["spread_over"]


def spread_over(events: int, most: int) -> NDArray[np.intp]:
    """Return at most *most* of the indices 0 … *events* − 1, evenly spread and in order.

    The first events of a scan all come from its first position: a few that are to stand for the
    whole must not be taken from one end.
    """
    if events <= most:
        return np.arange(events, dtype=np.intp)
    return np.linspace(0, events - 1, most).astype(np.intp)

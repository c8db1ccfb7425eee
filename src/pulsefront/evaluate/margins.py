"""How sure a choice among classes is: the distance of the two largest scores, in integers.

The network says a score for every class, an integer, and the largest is chosen. Its distance from
the second largest is the margin. What a margin is worth is found on events that no training has
seen: how many are right among those of such a margin, and how far below the largest score the true
class lies. The second makes sets of classes that hold the true one for a stated share of events
(split conformal prediction, Papadopoulos et al. 2002; Vovk et al. 2005): all classes whose score
lies within ``reach`` of the largest. Comparisons of integers decide everything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.conformal import conformal_rank

__all__ = ["conformal_reach", "margins_of", "shortfalls_of"]

Integers = NDArray[np.int64]


def margins_of(scores: NDArray[np.integer]) -> Integers:
    """Return the largest score less the second largest, (event,), of (event, class): 0 or more.

    Raises
    ------
    DataError
        There are fewer than two classes.
    """
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise DataError("scores are (event, class), of two classes at least", value=scores.shape)
    two = np.partition(scores.astype(np.int64), scores.shape[1] - 2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def shortfalls_of(scores: NDArray[np.integer], classes: NDArray[np.integer]) -> Integers:
    """Return by how much the score of a class (event,) lies below the largest, (event,)."""
    whole = scores.astype(np.int64)
    return np.asarray(whole.max(axis=1) - whole[np.arange(len(whole)), classes])


def conformal_reach(shortfalls: Integers, share: float) -> int:
    """Return the smallest reach with which sets of classes hold the true one often enough.

    Parameters
    ----------
    shortfalls
        Of the true class, (event,), of events that no training has seen.
    share
        Of events whose set is to hold the true class.

    Raises
    ------
    DataError
        The share is not between 0 and 1, or there are too few events for it.
    """
    wanted = conformal_rank(len(shortfalls), share)
    return int(np.partition(shortfalls, wanted - 1)[wanted - 1])

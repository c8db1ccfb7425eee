"""The arrival time of a gamma ray from the times of single photons: what electronics cannot beat.

A detector that stamped every detected photon would know the list of their times. The list's
likelihood under an inhomogeneous Poisson process (Seifert 2012, eq. 10) gives the most likely
arrival; its spread is the resolution that no pickoff from the summed pulse can be expected to
reach. With few prompt photons before a slow scintillator the spread is far from Gaussian, so that
the Cramér–Rao bound says little about its FWHM, and it is found by drawing photons instead.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.errors import DataError

__all__ = ["most_likely_arrival"]

Float = NDArray[np.float64]


def most_likely_arrival(
    photon_ns: Float,
    ends: NDArray[np.int64],
    intensity: Float,
    weights: Float,
    start_ns: float,
    step_ns: float,
    arrivals_ns: Float,
    stop_ns: float,
) -> Float:
    """Return the arrival of largest likelihood, averaged over what is not known, (event,).

    Parameters
    ----------
    photon_ns
        Times of all photons before *stop_ns*, event after event.
    ends
        (event,) where each event's photons end in *photon_ns*.
    intensity
        (hypothesis, time) expected photons per ns at *start_ns* + k · *step_ns* after the
        arrival, such as one row per depth of interaction; above zero, for dark counts.
    weights
        (hypothesis,) prior probability of each.
    arrivals_ns
        (arrival,) the grid that is searched.
    stop_ns
        Photons were observed up to this time.

    Raises
    ------
    DataError
        Shapes do not fit, or an intensity is not above zero.
    """
    if intensity.ndim != 2 or weights.shape != (len(intensity),) or not (intensity > 0).all():
        raise DataError(
            "needs an intensity (hypothesis, time) above zero, and a weight for each hypothesis",
            field="intensity",
            value=intensity.shape,
        )
    hypotheses = _Hypotheses(
        np.log(intensity),
        np.cumsum(intensity, axis=1) * step_ns,
        np.log(weights),
        start_ns,
        step_ns,
    )
    found = np.empty(len(ends))
    _search(
        np.ascontiguousarray(photon_ns, np.float64),
        np.asarray(ends, np.int64),
        hypotheses,
        np.asarray(arrivals_ns, np.float64),
        stop_ns,
        found,
    )
    return found


class _Hypotheses(NamedTuple):
    """What each hypothesis expects: (hypothesis, time) and (hypothesis,), on one time axis.

    ``expected`` counts the photons up to a time.
    """

    log_intensity: Float
    expected: Float
    log_weight: Float
    start_ns: float
    step_ns: float


@njit(nogil=True, cache=True)
def _search(
    photon_ns: Float,
    ends: NDArray[np.int64],
    hypotheses: _Hypotheses,
    arrivals_ns: Float,
    stop_ns: float,
    found: Float,
) -> None:
    log_intensity, expected, log_weight, start_ns, step_ns = hypotheses
    count, times = log_intensity.shape
    scores = np.empty(count)
    begin = 0
    for event in range(len(ends)):
        best = -np.inf
        for arrival in arrivals_ns:
            for h in range(count):
                # Expected number of photons up to the end, by which all outcomes add up to one.
                last = int((stop_ns - arrival - start_ns) / step_ns)
                score = log_weight[h] - expected[h, min(max(last, 0), times - 1)]
                for n in range(begin, ends[event]):
                    index = int((photon_ns[n] - arrival - start_ns) / step_ns + 0.5)
                    score += log_intensity[h, min(max(index, 0), times - 1)]
                scores[h] = score
            top = scores.max()
            total = top + np.log(np.exp(scores - top).sum())
            if total > best:
                best = total
                found[event] = arrival
        begin = ends[event]

"""Lives of the parts of a simulated camera: how long quiet, how they wear, when they fail.

A part is quiet for a log-normal time, then wears by a gamma process (van Noortwijk 2009, Reliab.
Eng. Syst. Saf. 94, 2) or by drift, Brownian motion and jumps, and fails when its wear first passes
1. One failure in five comes before, without wear; the hazard of those has the shape of a bathtub,
the sum of two Weibull hazards of shapes below and above 1. Every number is an assumption and taken
from no publication.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

__all__ = ["Life", "draw_lives"]

Floats = npt.NDArray[np.float64]

_YEAR_DAYS = 365.25
_QUIET_MEDIAN_DAYS, _QUIET_SIGMA = 17.0 * _YEAR_DAYS, 1.0
_WEAR_MEDIAN_DAYS, _WEAR_SIGMA = 45.0, 0.6
_INFANT = (0.6, 2_500.0 * _YEAR_DAYS)  # shape and scale of a Weibull hazard, of one board
_WORN_OUT = (3.0, 28.0 * _YEAR_DAYS)
_STEPS_A_DAY = 0.3  # shape of the gamma process: the lower, the rougher
_JUMPS_A_DAY, _JUMP = 0.06, 0.15
_TAKEN_SHARE = 0.15  # of worn boards, replaced before they fail


class Life(NamedTuple):
    """One life of a component: its wear from day ``onset`` on, to 1 or more where it fails.

    ``ends`` is the day of the failure, or of the replacement before it where ``taken``.
    """

    component: str
    onset: int
    wear: Floats
    ends: int
    taken: bool

    def shown(self, days: int) -> tuple[slice, Floats]:
        """Return the days, from 0 to *days*, on which it wears, and its wear on them."""
        first, last = max(self.onset, 0), min(self.ends, days)
        return slice(first, last), self.wear[first - self.onset : last - self.onset]


def draw_lives(component: str, age: int, days: int, random: Generator) -> list[Life]:
    """Return the lives of one component that end after day 0, one after the other.

    Parameters
    ----------
    age
        Days from the beginning of the first life to day 0.
    days
        A life that does not begin to wear before is left out.
    """
    found: list[Life] = []
    begins = -age
    while True:
        sudden = min(scale * float(random.weibull(shape)) for shape, scale in (_INFANT, _WORN_OUT))
        quiet = _QUIET_MEDIAN_DAYS * float(np.exp(_QUIET_SIGMA * random.normal()))
        wear = _wear(random) if quiet < sudden else np.zeros(1)
        onset = begins + int(min(quiet, sudden)) + 1
        if onset >= days:
            return found
        taken = len(wear) > 10 and random.random() < _TAKEN_SHARE
        lasts = int(len(wear) * random.uniform(0.3, 0.9)) if taken else len(wear) - 1
        begins = onset + lasts
        if begins > 0:
            found.append(Life(component, onset, wear, begins, taken))


def _wear(random: Generator) -> Floats:
    """Return the wear of each day up to the first that passes 1."""
    expected = _WEAR_MEDIAN_DAYS * float(np.exp(_WEAR_SIGMA * random.normal()))
    size = 20 * int(expected) + 50
    if random.random() < 0.5:
        steps = random.gamma(_STEPS_A_DAY, 1.0 / (_STEPS_A_DAY * expected), size)
    else:
        jumps = random.poisson(_JUMPS_A_DAY, size) * random.exponential(_JUMP, size)
        drift = max(1.0 / expected - _JUMP * _JUMPS_A_DAY, 0.2 / expected)
        steps = drift + jumps + random.normal(0.0, 0.03, size)
    wear = np.maximum(np.cumsum(steps), 0.0)
    passed = np.flatnonzero(wear >= 1.0)
    return np.asarray(wear[: passed[0] + 1] if len(passed) else wear)

"""The one rule by which scores become alerts, for the back-test and for every night.

An alert is *opened* when a component's score reaches the threshold. From then on the component is
quiet for lead plus horizon, the time in which somebody looks: no other alert of it is opened,
whatever becomes of the first one. Meanwhile the alert is *cleared* once three decisions in a row
lie below half of the threshold (hysteresis: a score that only dips does not close it). When the
quiet time ends, an alert that is still open has *run out*; where the score is still at the
threshold, the same night opens the next one.

So the number of alerts follows from scores and nights alone. Closing an alert, by hand or by a
service, does not change it; that is why the rate which a back-test quotes is the rate received.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from pulsefront.qc.features.labels import Target

__all__ = [
    "CLEARED",
    "OPENED",
    "RAN_OUT",
    "STATE",
    "AlertRule",
    "advance",
    "fresh_states",
    "openings",
]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
States = npt.NDArray[np.void]

OPENED, CLEARED, RAN_OUT = 1, 2, 4
"""What a night does to a component's alert, as bits: it may run out and be opened again."""

STATE = np.dtype([("open", np.bool_), ("quiet_until", np.int64), ("low_nights", np.int64)])
"""A component between two nights; ``quiet_until`` is a day since 1970, ``low_nights`` counts the
decisions in a row that were low."""

_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class AlertRule:
    """The numbers of the rule.

    ``clear_share`` is the share of the threshold below which a decision is low, ``clear_nights``
    how many in a row clear an alert.
    """

    quiet_days: int
    clear_share: float = 0.5
    clear_nights: int = 3

    @classmethod
    def of_target(cls, target: Target) -> AlertRule:
        """Return the rule for a model's target."""
        return cls(quiet_days=target.span_days)


def fresh_states(components: int) -> States:
    """Return the states of components that have never had an alert."""
    states = np.zeros(components, dtype=STATE)
    states["quiet_until"] = _NEVER
    return states


@njit(nogil=True, cache=True)
def _step(state, day, score, threshold, rule):  # type: ignore[no-untyped-def]
    quiet_days, clear_share, clear_nights = rule
    found = 0
    if state.open and day >= state.quiet_until:
        state.open = False
        found |= RAN_OUT
    if day >= state.quiet_until and score >= threshold:  # NaN: no decision, no alert
        state.open = True
        state.quiet_until = day + quiet_days
        state.low_nights = 0
        return found | OPENED
    if state.open:
        if score < clear_share * threshold:
            state.low_nights += 1
            if state.low_nights >= clear_nights:
                state.open = False
                found |= CLEARED
        elif score == score:  # a night without a decision tells nothing  # noqa: PLR0124
            state.low_nights = 0
    return found


@njit(nogil=True, cache=True)
def _advance(states, day, score, threshold, rule, found):  # type: ignore[no-untyped-def]
    for k in range(len(states)):
        found[k] = _step(states[k], day, score[k], threshold, rule)


@njit(nogil=True, cache=True)
def _openings(score, component, day, threshold, rule, state, found):  # type: ignore[no-untyped-def]
    current = -1
    for row in range(len(score)):
        if component[row] != current:
            current = component[row]
            state[0].open = False
            state[0].quiet_until = _NEVER
        found[row] = _step(state[0], day[row], score[row], threshold[row], rule) & OPENED


def _numbers(rule: AlertRule) -> tuple[int, float, int]:
    return (rule.quiet_days, rule.clear_share, rule.clear_nights)


def advance(
    states: States, day: int, score: Floats, threshold: float, rule: AlertRule
) -> npt.NDArray[np.int64]:
    """Take components through one night; return (component,) what it did to them, as bits.

    Parameters
    ----------
    states
        (component,) `STATE`, changed in place.
    day
        Days since 1970 of the as-of instant; later than that of the night before.
    score
        (component,) NaN where there is no decision.
    """
    found = np.zeros(len(states), dtype=np.int64)
    _advance(states, day, score, threshold, _numbers(rule), found)
    return found


def openings(
    score: Floats,
    component: npt.NDArray[np.integer[Any]],
    day: npt.NDArray[np.int64],
    threshold: Floats | float,
    rule: AlertRule,
) -> Bools:
    """Return (row,) which of the rows, sorted by component and day, open an alert.

    *threshold* is one number, or (row,) where it changes from day to day.
    """
    found = np.zeros(len(score), dtype=np.bool_)
    level = np.full(len(score), threshold, dtype=np.float64)
    _openings(score, component, day, level, _numbers(rule), fresh_states(1), found)
    return found

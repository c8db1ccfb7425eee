"""What alerts were worth, by what happened to their component afterwards.

An alert is *true* when the component fails within (lead, lead + horizon] days after it, *too late*
when it fails within the lead, and *false* when it does not fail. Where a replacement came first,
what would have happened stays *undecided*. The back-test and the site's own record judge by this.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pulsefront.qc.alerts.records import Outcome
from pulsefront.qc.features.labels import Target
from pulsefront.qc.times import DAY_S

__all__ = ["Judgement", "false_alerts", "judgement"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Judgement(NamedTuple):
    """The outcome of one alert, and when the component failed or was replaced, if it was."""

    outcome: Outcome
    when_s: int | None


def false_alerts(alerts_s: Ints, failures_s: Ints, replaced_s: Ints, span_s: int) -> Bools:
    """Return (alert,) which alerts of one component neither failure nor replacement follows."""
    return ~(
        _next_within(failures_s, alerts_s, span_s) | _next_within(replaced_s, alerts_s, span_s)
    )


def _next_within(times: Ints, alerts: Ints, span_s: int) -> Bools:
    following = np.searchsorted(times, alerts, side="right")
    has = following < len(times)
    if not len(times):
        return has
    return np.asarray(has & (times[np.minimum(following, len(times) - 1)] <= alerts + span_s))


def judgement(
    opened_s: int, failures_s: Ints, replaced_s: Ints, target: Target, *, over: bool
) -> Judgement:
    """Return what one alert was worth, as far as the sorted times tell.

    Parameters
    ----------
    over
        Whether all that could happen within the span has been logged: else an alert that nothing
        followed is undecided yet, not false.
    """
    in_time_s, end_s = (opened_s + days * DAY_S for days in (target.lead_days, target.span_days))
    failed = _first_within(failures_s, in_time_s, end_s)
    if failed is not None:
        return Judgement("true", failed)
    failed = _first_within(failures_s, opened_s, in_time_s)
    if failed is not None:
        return Judgement("too late", failed)
    replaced = _first_within(replaced_s, opened_s, end_s)
    if replaced is not None:
        return Judgement("undecided", replaced)
    return Judgement("false" if over else "undecided", None)


def _first_within(times: Ints, after_s: int, upto_s: int) -> int | None:
    following = int(np.searchsorted(times, after_s, side="right"))
    if following < len(times) and times[following] <= upto_s:
        return int(times[following])
    return None

"""What the model is to foresee: the failure of a component within (lead, lead + horizon] days.

A row gets no label where the truth is not known or no longer useful: while the component is out
of service, when it fails within the lead time, when a preventive replacement hides what would
have happened, and at the end where the follow-up is too short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.qc.times import DAY_S

__all__ = [
    "NO_LABEL",
    "Target",
    "component_labels",
    "failure_times",
    "longest_label_delay_days",
    "replacement_times",
]

NO_LABEL = -1

_ROWS_BEFORE_FAILURE = 4


@dataclass(frozen=True)
class Target:
    """Lead and horizon, in days."""

    lead_days: int = 2
    horizon_days: int = 28

    @property
    def span_days(self) -> int:
        """Days from the score to the end of the horizon."""
        return self.lead_days + self.horizon_days

    def spacing_s(self, every_s: int = DAY_S) -> int:
        """Return a quarter of the horizon, in whole steps of *every_s* and at least one of them.

        Rows of a component closer than that tell nearly the same: each failure still has four.
        """
        return max(1, self.horizon_days * DAY_S // _ROWS_BEFORE_FAILURE // every_s) * every_s


def failure_times(services: pd.DataFrame, component: str) -> npt.NDArray[np.int64]:
    """Return the sorted times at which failures of a component were reported."""
    mine = (services["component_id"] == component) & (services["kind"] == "corrective")
    return np.sort(services.loc[mine, "reported_at"].to_numpy(dtype=np.int64))


def replacement_times(services: pd.DataFrame, component: str) -> npt.NDArray[np.int64]:
    """Return the sorted times at which a component was replaced before it failed.

    There are none of the unit as a whole: its maintenance replaces nothing.
    """
    mine = (services["component_id"] == component) & (services["kind"] == "preventive")
    if component == "":
        mine &= False
    return np.sort(services.loc[mine, "reported_at"].to_numpy(dtype=np.int64))


def component_labels(
    services: pd.DataFrame,
    component: str,
    as_of_s: npt.NDArray[np.int64],
    target: Target,
    follow_up_end_s: int,
) -> npt.NDArray[np.int8]:
    """Return 1, 0 or `NO_LABEL` for each as-of instant of one component."""
    lead_s, span_s = target.lead_days * DAY_S, target.span_days * DAY_S
    failures = failure_times(services, component)
    soon = _any_within(failures, as_of_s, 0, lead_s)
    label = _any_within(failures, as_of_s, lead_s, span_s).astype(np.int8)
    # A failure that was seen before the replacement still counts.
    censored = _any_within(replacement_times(services, component), as_of_s, 0, span_s)
    censored &= label == 0
    away = np.zeros(len(as_of_s), dtype=np.bool_)
    for row in services.to_dict("records"):
        if row["component_id"] in {"", component} and row["kind"] in {"corrective", "upgrade"}:
            away |= (as_of_s >= row["reported_at"]) & (as_of_s <= row["completed_at"])
    short = as_of_s + span_s > follow_up_end_s
    label[soon | censored | away | short] = NO_LABEL
    return label


def _any_within(
    times: npt.NDArray[np.int64], as_of_s: npt.NDArray[np.int64], after_s: int, upto_s: int
) -> npt.NDArray[np.bool_]:
    first = np.searchsorted(times, as_of_s + after_s, side="right")
    last = np.searchsorted(times, as_of_s + upto_s, side="right")
    return np.asarray(last > first)


def longest_label_delay_days(services: pd.DataFrame) -> float:
    """Return the longest time from a failure's report to its entry in the log, in days."""
    corrective = services[services["kind"] == "corrective"]
    if corrective.empty:
        return 0.0
    return float((corrective["logged_at"] - corrective["reported_at"]).max() / DAY_S)

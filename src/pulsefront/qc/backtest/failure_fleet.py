"""Failure tables as rows to learn from: how often there is one, and what it is told by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pulsefront.progress import Report, silent
from pulsefront.qc.backtest.failure_mapping import HOURS_OF_A_DAY, FailureTables
from pulsefront.qc.backtest.failure_tables import histories_of_tables
from pulsefront.qc.features.history import UnitHistory
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import Fleet, build_fleet, outline_of
from pulsefront.qc.times import DAY_S

__all__ = ["fleet_of_tables", "hours_between_rows"]

_HOUR_S = 3600
_LEAST_HOURS = 3  # between rows that nobody asked for
_OFTEN_S = DAY_S // 2  # readings so near each other are looked at by the hour


def fleet_of_tables(
    plan: FailureTables, folder: Path, target: Target, *, report: Report = silent
) -> Fleet:
    """Return features and labels of all machines; no row is left out of the training.

    Rows come every `FailureTables.every_hours`, or as `hours_between_rows` has it. Where machines
    are read several times a day, features tell of the last hours too.

    Raises
    ------
    QCDataError
        As `histories_of_tables`.
    """
    histories = histories_of_tables(plan, folder)
    read_s = _usual_step_s(histories)
    every_s = (plan.every_hours or hours_between_rows(target, read_s)) * _HOUR_S
    return build_fleet(
        histories, target, stride_before=1, every_s=every_s,
        outline=outline_of(histories, hourly=read_s <= _OFTEN_S), report=report,
    )  # fmt: skip


def hours_between_rows(target: Target, read_s: float) -> int:
    """Return the hours between rows: a quarter of the horizon, from 3 hours to a day.

    *read_s* is the usual time from one reading to the next: rows do not come more often.
    """
    least = max(_LEAST_HOURS, read_s / _HOUR_S)
    wanted = max(target.horizon_days * 24 / 4, least)
    return max((h for h in HOURS_OF_A_DAY if least <= h <= wanted), default=24)


def _usual_step_s(histories: Sequence[UnitHistory]) -> float:
    """Return the median time between the instants at which a machine was read."""
    steps = [np.diff(np.unique(history.measured_at)) for history in histories]
    joined = np.concatenate(steps)
    return float(np.median(joined)) if len(joined) else float(DAY_S)

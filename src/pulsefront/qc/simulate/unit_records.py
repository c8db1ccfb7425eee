"""The records of one simulated unit, in the columns that `history_from_frames` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pulsefront.qc.records import EVENT_COLUMNS, SERVICE_COLUMNS, frame_of

__all__ = ["UnitRecords", "error_frame", "service_frame"]

_HOUR_S = 3600


class UnitRecords(NamedTuple):
    """Records of one unit."""

    units: pd.DataFrame
    measurements: pd.DataFrame
    events: pd.DataFrame
    services: pd.DataFrame


def error_frame(unit_id: str, errors: Sequence[tuple[int, str, str]]) -> pd.DataFrame:
    """Return errors, (second since 1970, component, code) each, as events known at once."""
    when = np.array([error[0] for error in errors], dtype=np.int64)
    return frame_of(
        EVENT_COLUMNS,
        {
            "occurred_at": when, "unit_id": unit_id,
            "component_id": [component for _, component, _ in errors],
            "code": [code for *_, code in errors], "severity": "error", "available_at": when,
        },
    )  # fmt: skip


def service_frame(
    unit_id: str, services: Sequence[tuple[int, str, str]], *, hours: int
) -> pd.DataFrame:
    """Return services, (second since 1970, component, kind) each, that take some hours."""
    when = np.array([service[0] for service in services], dtype=np.int64)
    return frame_of(
        SERVICE_COLUMNS,
        {
            "reported_at": when, "unit_id": unit_id,
            "component_id": [component for _, component, _ in services],
            "kind": [kind for *_, kind in services],
            "started_at": when, "completed_at": when + hours * _HOUR_S,
            "logged_at": when + hours * _HOUR_S, "downtime_hours": float(hours),
        },
    )  # fmt: skip

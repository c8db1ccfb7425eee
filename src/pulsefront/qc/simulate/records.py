"""What people and consoles would have written of a simulated scanner: records of every kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.random import Generator

from pulsefront.qc.records import (
    EVENT_COLUMNS,
    LIMIT_COLUMNS,
    MEASUREMENT_COLUMNS,
    SERVICE_COLUMNS,
    UNIT_COLUMNS,
    frame_of,
)
from pulsefront.qc.simulate.settings import FleetSettings, SiteProfile
from pulsefront.qc.simulate.signals import MODULE_TESTS, SHOWS, TESTS, limits_of, test_name
from pulsefront.qc.simulate.timeline import Timeline
from pulsefront.qc.times import DAY_S

__all__ = [
    "FAILURE_COLUMNS",
    "events_of",
    "failures_of",
    "measurements_of",
    "qc_days",
    "services_of",
    "unit_of",
]

FAILURE_COLUMNS = (
    "unit_id",
    "component_id",
    "cause",
    "onset_at",
    "detectable_at",
    "failed_at",
    "prevented",
)

_QC_HOUR = 7


def _module_name(module: int) -> str:
    return "" if module < 0 else f"module{module:02d}"


def qc_days(
    settings: FleetSettings, site: SiteProfile, life: Timeline, start_s: int, random: Generator
) -> np.ndarray:
    """Return on which days QC was done."""
    done = random.random(settings.days) >= site.missing_day_share
    if not site.weekend_qc:
        weekday = (start_s // DAY_S + 3 + np.arange(settings.days)) % 7  # 1970-01-01: a Thursday
        done &= weekday < 5
    for part in life.degradations:
        if not part.prevented:
            done[part.end_day : part.end_day + part.down_days] = False
    return done


def measurements_of(
    site: SiteProfile,
    unit_id: str,
    life: Timeline,
    start_s: int,
    values: dict[str, np.ndarray],
    done: np.ndarray,
    late: np.ndarray,
) -> pd.DataFrame:
    """Return what was read of *values*, (component, day) by test, on the days when QC was done.

    *late* says for each day how many days later its log came.
    """
    day = np.flatnonzero(done)
    resets = np.sort([*life.calibration_days, *life.upgrade_days])
    baseline = np.array(
        [f"b{k:02d}" for k in np.searchsorted(resets, day, side="right")], dtype=object
    )
    versions = np.searchsorted(life.upgrade_days, day, side="right")
    software = np.array([f"VG{50 + 10 * v}A" for v in versions], dtype=object)
    # The clock of the console: local time that follows the sun, not summer time.
    measured = start_s + day * DAY_S + _QC_HOUR * 3600
    series = [
        (test, component, readings[component, day])
        for test, readings in values.items()
        for component in range(len(readings))
    ]
    size, repeat = len(day), len(series)

    def of_series(column: Sequence[object]) -> np.ndarray:
        return np.repeat(np.array(column, dtype=object), size)

    names = [_module_name(c if test in MODULE_TESTS else -1) for test, c, _ in series]
    return frame_of(
        MEASUREMENT_COLUMNS,
        {
            "value": np.round(np.concatenate([readings for _, _, readings in series]), 4),
            "unit_id": unit_id,
            "component_id": of_series(names),
            "test": of_series([test_name(site, test) for test, _, _ in series]),
            "measurement_unit": of_series([TESTS[test].measurement_unit for test, _, _ in series]),
            **{
                name: np.repeat([limits_of(site, test)[name] for test, _, _ in series], size)
                for name in LIMIT_COLUMNS
            },
            "measured_at": np.tile(measured, repeat),
            "available_at": np.tile(measured + 900 + late[day] * DAY_S, repeat),
            "baseline_id": np.tile(baseline, repeat),
            "software_version": np.tile(software, repeat),
        },
    )


def events_of(
    settings: FleetSettings,
    unit_id: str,
    life: Timeline,
    start_s: int,
    days: np.ndarray,
    random: Generator,
) -> pd.DataFrame:
    """Return the error log: rare events all the time, more of them before some failures."""
    rows: list[tuple[str, str, int]] = []

    def draw(code: str, module: int, rate: np.ndarray) -> None:
        for day in np.repeat(days, random.poisson(rate)):
            rows.append((code, _module_name(module), int(day * DAY_S + random.integers(DAY_S))))

    for module in range(settings.modules):
        rate = np.full(len(days), 0.004)
        for part in life.degradations:
            if part.module == module and part.cause == "high_voltage":
                rate = rate + 1.2 * part.progress(days)
        draw("high_voltage_trip", module, rate)
    hot = np.full(len(days), 0.002)
    for part in life.degradations:
        if part.cause == "cooling":
            hot = hot + 0.6 * part.progress(days)
    draw("temperature_warning", -1, hot)
    draw("communication_error", -1, np.full(len(days), 0.02))
    rows = sorted(set(rows), key=lambda row: row[2])
    when = np.array([start_s + row[2] for row in rows], dtype=np.int64)
    return frame_of(
        EVENT_COLUMNS,
        {
            "occurred_at": when,
            "unit_id": unit_id,
            "component_id": [row[1] for row in rows],
            "code": [row[0] for row in rows],
            "severity": "warning",
            "available_at": when,
        },
    )


def services_of(
    settings: FleetSettings,
    site: SiteProfile,
    unit_id: str,
    life: Timeline,
    start_s: int,
    random: Generator,
) -> pd.DataFrame:
    """Return the service log; some entries come days late."""
    rows: list[tuple[str, str, float, float]] = [  # component, kind, day, downtime in days
        *(("", "calibration", day + 0.25, 0.04) for day in life.calibration_days),
        *(("", "preventive", day + 0.3, 0.3) for day in life.preventive_days),
        *(("", "upgrade", day + 0.2, 0.3) for day in life.upgrade_days),
    ]
    for part in life.degradations:
        if part.end_day < settings.days:
            kind = "preventive" if part.prevented else "corrective"
            down = 0.3 if part.prevented else part.down_days - 0.2
            rows.append((_module_name(part.module), kind, part.end_day + 0.1, down))
    rows.sort(key=lambda row: (row[2], row[0], row[1]))
    reported = start_s + np.array([round(row[2] * DAY_S) for row in rows], dtype=np.int64)
    down_s = np.array([round(row[3] * DAY_S) for row in rows], dtype=np.int64)
    late = random.random(len(rows)) < site.service_late_share
    logged_late = np.where(late, random.integers(1, site.service_late_days + 1, len(rows)), 0)
    return frame_of(
        SERVICE_COLUMNS,
        {
            "reported_at": reported,
            "unit_id": unit_id,
            "component_id": [row[0] for row in rows],
            "kind": [row[1] for row in rows],
            "started_at": reported,
            "completed_at": reported + down_s,
            "logged_at": reported + down_s + logged_late * DAY_S,
            "downtime_hours": down_s / 3600.0,
        },
    )


def unit_of(
    settings: FleetSettings, site: SiteProfile, unit_id: str, life: Timeline, start_s: int
) -> pd.DataFrame:
    """Return the scanner's own record."""
    return frame_of(
        UNIT_COLUMNS,
        {
            "unit_id": unit_id,
            "site": site.name,
            "modality": "PET",
            "vendor": site.vendor,
            "model": _model(settings, site),
            "serial": unit_id[-4:],
            "installed_on": start_s - life.age_at_start_days * DAY_S,
            "timezone": site.timezone,
            "active_from": start_s,
        },
    )


def _model(settings: FleetSettings, site: SiteProfile) -> str:
    name = f"ring{settings.modules}"
    return name if site.vendor == "simulated" else f"{site.vendor}-{name}"


def failures_of(site: SiteProfile, unit_id: str, life: Timeline, start_s: int) -> pd.DataFrame:
    """Return the truth: every degradation, and when it could first be seen."""
    rows = []
    for part in life.degradations:
        detectable = 0
        if part.cause in SHOWS:
            symptom = SHOWS[part.cause]
            # First day on which the change is three times the noise of one reading.
            threshold = 3.0 * TESTS[symptom.test].noise * site.noise_factor
            threshold /= symptom.change * site.change_factor
            span = max(part.fail_day - part.onset_day, 1)
            first = part.onset_day + int(np.ceil(span * threshold ** (1.0 / symptom.power)))
            detectable = start_s + first * DAY_S if first < part.fail_day else 0
        rows.append(
            {
                "unit_id": unit_id,
                "component_id": _module_name(part.module),
                "cause": part.cause,
                "onset_at": start_s + part.onset_day * DAY_S,
                "detectable_at": detectable,
                "failed_at": start_s + round((part.fail_day + 0.1) * DAY_S),
                "prevented": part.prevented,
            }
        )
    return pd.DataFrame(rows, columns=list(FAILURE_COLUMNS))

"""A simulated fleet: what its daily QC would have written, and the truth behind it.

The signals follow the physics of a PET scanner with a germanium phantom: photopeaks drift with
temperature and gain and are pulled back by calibrations; a failing module loses gain, efficiency
or timing, or trips its high voltage; the phantom's activity halves every 271 days, so that the
noise of every count grows until it is replaced; sensitivity can sink so slowly that no single day
looks wrong. Part of the failures give no warning at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator, SeedSequence

from pulsefront.progress import Report, silent
from pulsefront.qc.fleet_settings import FleetSettings, SiteProfile
from pulsefront.qc.fleet_timeline import Timeline, draw_timeline
from pulsefront.qc.records import (
    EVENT_COLUMNS,
    MEASUREMENT_COLUMNS,
    SERVICE_COLUMNS,
    UNIT_COLUMNS,
    frame_of,
)
from pulsefront.qc.times import DAY_S

__all__ = ["SimulatedUnit", "simulate_units", "write_fleet"]

_HALF_LIFE_DAYS = 270.9  # Ge-68
_QC_HOUR = 7
_MODULE_TESTS = ("photopeak_kev", "block_efficiency", "time_offset_ps")
_SYSTEM_TESTS = ("sensitivity", "randoms", "scatter_ratio", "temperature_c")

# Test → unit, reference, action low, tolerance low, tolerance high, action high, noise (1 sigma).
_TESTS = {
    "photopeak_kev": ("keV", 511.0, 491.0, 501.0, 521.0, 531.0, 1.2),
    "block_efficiency": ("% of mean", 100.0, 80.0, 90.0, 110.0, 120.0, 1.0),
    "time_offset_ps": ("ps", 0.0, -200.0, -100.0, 100.0, 200.0, 12.0),
    "sensitivity": ("% of reference", 100.0, 90.0, 95.0, 105.0, 110.0, 0.5),
    "randoms": ("%", 100.0, 85.0, 90.0, 110.0, 115.0, 1.5),
    "scatter_ratio": ("%", 32.0, 28.8, 30.4, 33.6, 35.2, 0.2),
    "temperature_c": ("degC", 22.0, 17.0, 19.0, 25.0, 27.0, 0.25),
}


@dataclass(frozen=True)
class SimulatedUnit:
    """Records of one scanner, and ``failures``: the truth that no log contains.

    ``failures`` has unit_id, component_id, cause, onset_at, detectable_at (0 where nothing shows
    before the failure), failed_at (or when it would have), and prevented.
    """

    unit_id: str
    units: pd.DataFrame
    measurements: pd.DataFrame
    events: pd.DataFrame
    services: pd.DataFrame
    failures: pd.DataFrame


def simulate_units(settings: FleetSettings) -> Iterator[SimulatedUnit]:
    """Yield the scanners of a fleet, one after the other; the same for the same settings."""
    seeds = SeedSequence(settings.seed).spawn(settings.scanners)
    number = 0
    for site in settings.sites:
        for _ in range(site.scanners):
            random = np.random.default_rng(seeds[number])
            number += 1
            yield _simulate(settings, site, f"{site.name}-{number:04d}", random)


def _simulate(
    settings: FleetSettings, site: SiteProfile, unit_id: str, random: Generator
) -> SimulatedUnit:
    life = draw_timeline(settings, site, random)
    start_s = (settings.start - date(1970, 1, 1)).days * DAY_S
    days = np.arange(settings.days)
    values = _signals(settings, site, life, days, random)
    done = _qc_days(settings, site, life, start_s, random)
    late = np.where(
        random.random(settings.days) < site.late_log_share, random.integers(2, 8, settings.days), 0
    )
    return SimulatedUnit(
        unit_id,
        _unit(settings, site, unit_id, life, start_s),
        _measurements(unit_id, life, start_s, values, done, late),
        _events(settings, unit_id, life, start_s, days, random),
        _services(settings, unit_id, life, start_s, random),
        _failures(site, unit_id, life, start_s),
    )


def _module_name(module: int) -> str:
    return "" if module < 0 else f"module{module:02d}"


def _signals(
    settings: FleetSettings, site: SiteProfile, life: Timeline, days: np.ndarray, random: Generator
) -> dict[str, np.ndarray]:
    """Return the true reading of every test, (component, day), noise included."""
    modules, size = settings.modules, len(days)
    season = 0.4 * np.sin(2 * np.pi * (days + random.uniform(0, 365)) / 365.25)
    temperature = site.room_temperature_c + season
    walk = np.cumsum(random.normal(0.0, 0.06, (modules, size)), axis=1)  # keV
    gain = (
        walk - 0.8 * (temperature - site.room_temperature_c) + random.normal(0, 1.0, (modules, 1))
    )
    efficiency = 100.0 + random.normal(0.0, 1.2, (modules, 1)) - np.zeros((modules, size))
    timing = random.normal(0.0, 10.0, (modules, 1)) + np.cumsum(
        random.normal(0.0, 0.5, (modules, size)), axis=1
    )
    sensitivity = 100.0 - 0.4 * days / 365.25
    noise = np.ones((modules, size))
    for part in life.degradations:
        share = part.progress(days)
        if part.module >= 0:  # the part that is put in has an efficiency of its own
            efficiency[part.module, part.end_day :] = 100.0 + random.normal(0.0, 1.2)
        sign = 1.0 if random.random() < 0.3 else -1.0
        if part.cause == "gain_drift":
            gain[part.module] += sign * 36.0 * share**1.5
        elif part.cause == "efficiency_loss":
            efficiency[part.module] -= 26.0 * share**2
            noise[part.module] += 1.5 * share
        elif part.cause == "timing_drift":
            timing[part.module] += sign * 260.0 * share**1.5
        elif part.cause == "high_voltage":
            noise[part.module] += 2.0 * share
            gain[part.module] -= 9.0 * share
        elif part.cause == "cooling":
            temperature = temperature + 5.5 * share
            gain -= 4.5 * share
        elif part.cause == "slow_sensitivity_loss":
            sensitivity = sensitivity - 6.0 * share
    _correct(settings, life, gain, timing)
    for day in life.upgrade_days:  # a new definition of the same number
        efficiency[:, day:] += random.normal(0.0, 1.5)
    activity = _activity(life, days)
    grain = site.noise_factor / np.sqrt(activity)
    lost = (100.0 - efficiency).mean(axis=0)
    signals = {
        "photopeak_kev": 511.0 + gain,
        "block_efficiency": efficiency,
        "time_offset_ps": timing,
        "sensitivity": (sensitivity - 0.6 * lost)[None],
        "randoms": (100.0 + random.normal(0, 2.0) + 3.0 * (activity - 0.7))[None],
        "scatter_ratio": (32.0 + 0.02 * gain.mean(axis=0))[None],
        "temperature_c": temperature[None],
    }
    for test, values in signals.items():
        sigma = _TESTS[test][6] * (noise if test in _MODULE_TESTS else 1.0)
        sigma = sigma * (1.0 if test == "temperature_c" else grain)
        signals[test] = values + sigma * random.normal(0.0, 1.0, values.shape)
    return signals


def _correct(
    settings: FleetSettings,
    life: Timeline,
    gain: np.ndarray,
    timing: np.ndarray,
) -> None:
    """Apply calibrations, which pull readings back, and replacements, in place."""
    for day in life.calibration_days:
        gain[:, day:] -= gain[:, day - 1 : day]
        timing[:, day:] -= timing[:, day - 1 : day]
    for part in life.degradations:
        if part.module >= 0 and part.end_day < settings.days:
            rest = slice(part.end_day, None)
            gain[part.module, rest] -= gain[part.module, part.end_day]
            timing[part.module, rest] -= timing[part.module, part.end_day]


def _activity(life: Timeline, days: np.ndarray) -> np.ndarray:
    """Return the phantom's activity relative to a new one; it is replaced at a third."""
    age = (days + life.age_at_start_days) % (1.585 * _HALF_LIFE_DAYS)
    return np.asarray(0.5 ** (age / _HALF_LIFE_DAYS))


def _qc_days(
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


def _measurements(
    unit_id: str,
    life: Timeline,
    start_s: int,
    values: dict[str, np.ndarray],
    done: np.ndarray,
    late: np.ndarray,
) -> pd.DataFrame:
    day = np.flatnonzero(done)
    resets = np.sort([*life.calibration_days, *life.upgrade_days])
    baseline = np.array(
        [f"b{k:02d}" for k in np.searchsorted(resets, day, side="right")], dtype=object
    )
    versions = np.searchsorted(life.upgrade_days, day, side="right")
    software = np.array([f"VG{50 + 10 * v}A" for v in versions], dtype=object)
    # The clock of the console: local time that follows the sun, not summer time.
    measured = start_s + day * DAY_S + _QC_HOUR * 3600
    parts = [
        (
            test,
            _TESTS[test][0],
            _TESTS[test][1],
            _TESTS[test][2:6],
            component,
            readings[component, day],
        )
        for test, readings in values.items()
        for component in range(len(readings))
    ]
    size = len(day)
    repeat = len(parts)
    return frame_of(
        MEASUREMENT_COLUMNS,
        {
            "value": np.round(np.concatenate([part[5] for part in parts]), 4),
            "unit_id": unit_id,
            "component_id": np.repeat(
                np.array(
                    [_module_name(p[4] if p[0] in _MODULE_TESTS else -1) for p in parts],
                    dtype=object,
                ),
                size,
            ),
            "test": np.repeat(np.array([p[0] for p in parts], dtype=object), size),
            "unit": np.repeat(np.array([p[1] for p in parts], dtype=object), size),
            "reference": np.repeat([p[2] for p in parts], size),
            **{
                name: np.repeat([p[3][k] for p in parts], size)
                for k, name in enumerate(
                    ("action_low", "tolerance_low", "tolerance_high", "action_high")
                )
            },
            "measured_at": np.tile(measured, repeat),
            "available_at": np.tile(measured + 900 + late[day] * DAY_S, repeat),
            "baseline_id": np.tile(baseline, repeat),
            "software_version": np.tile(software, repeat),
        },
    )


def _events(
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


def _services(
    settings: FleetSettings, unit_id: str, life: Timeline, start_s: int, random: Generator
) -> pd.DataFrame:
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
    logged_late = np.where(random.random(len(rows)) < 0.1, random.integers(1, 6, len(rows)), 0)
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


def _unit(
    settings: FleetSettings, site: SiteProfile, unit_id: str, life: Timeline, start_s: int
) -> pd.DataFrame:
    return frame_of(
        UNIT_COLUMNS,
        {
            "unit_id": unit_id,
            "site": site.name,
            "modality": "PET",
            "vendor": "simulated",
            "model": f"ring{settings.modules}",
            "serial": unit_id[-4:],
            "installed_on": start_s - life.age_at_start_days * DAY_S,
            "timezone": site.timezone,
            "active_from": start_s,
        },
    )


# Cause → test, its change at the failure, and the power of the progress that it grows with.
_SHOWS = {
    "gain_drift": ("photopeak_kev", 36.0, 1.5),
    "efficiency_loss": ("block_efficiency", 26.0, 2.0),
    "timing_drift": ("time_offset_ps", 260.0, 1.5),
    "high_voltage": ("photopeak_kev", 9.0, 1.0),
    "cooling": ("temperature_c", 5.5, 1.0),
    "slow_sensitivity_loss": ("sensitivity", 6.0, 1.0),
}


def _failures(site: SiteProfile, unit_id: str, life: Timeline, start_s: int) -> pd.DataFrame:
    rows = []
    for part in life.degradations:
        detectable = 0
        if part.cause in _SHOWS:
            test, size, power = _SHOWS[part.cause]
            # First day on which the change is three times the noise of one reading.
            threshold = 3.0 * _TESTS[test][6] * site.noise_factor / size
            span = max(part.fail_day - part.onset_day, 1)
            first = part.onset_day + int(np.ceil(span * threshold ** (1.0 / power)))
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
    names = (
        "unit_id",
        "component_id",
        "cause",
        "onset_at",
        "detectable_at",
        "failed_at",
        "prevented",
    )
    return pd.DataFrame(rows, columns=list(names))


def write_fleet(settings: FleetSettings, folder: Path, *, report: Report = silent) -> list[Path]:
    """Write a fleet as the CSV files that sites would export, and ``site.toml`` to read them.

    The truth goes to ``failures.csv`` in the same folder, whose name no mapping fits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    truth = []
    for done, unit in enumerate(simulate_units(settings), start=1):
        truth.append(unit.failures)
        for name in ("units", "measurements", "events", "services"):
            frame = getattr(unit, name).drop(columns="row", errors="ignore")
            times = [c for c in frame.columns if c.endswith(("_at", "_on", "_from", "_to"))]
            for column in times:
                frame[column] = _iso(frame[column].to_numpy())
            path = folder / "logs" / f"{unit.unit_id}_{name}.csv"
            path.parent.mkdir(exist_ok=True)
            frame.to_csv(path, index=False)
            written.append(path)
        report(done, settings.scanners)
    pd.concat(truth, ignore_index=True).to_csv(folder / "failures.csv", index=False)
    (folder / "site.toml").write_text(_site_toml(settings), encoding="utf-8")
    return written


def _iso(seconds: np.ndarray) -> np.ndarray:
    texts = np.datetime_as_string(seconds.astype("datetime64[s]"), timezone="UTC").astype(object)
    return np.where(seconds == 0, "", texts)


def _site_toml(settings: FleetSettings) -> str:
    lines = [f'site = "{settings.name}"', 'timezone = "UTC"', ""]
    columns = {
        "unit": [c for c in UNIT_COLUMNS if not c.startswith("active")],
        "measurement": [c for c in MEASUREMENT_COLUMNS if c != "row"],
        "event": [c for c in EVENT_COLUMNS if c != "row"],
        "service": [c for c in SERVICE_COLUMNS if c != "row"],
    }
    for table, names in columns.items():
        pairs = ", ".join(f'{name} = "{name}"' for name in names)
        lines += [
            f'[mappings."*_{table}s.csv"]',
            f'table = "{table}"',
            'date_order = "ymd"',
            f"columns = {{ {pairs} }}",
            "",
        ]
    return "\n".join(lines)

"""Machines watched every hour: four readings of the whole, five error codes, parts that fail.

Nothing of it is a scanner. It is a test of features where readings and errors stand at the unit and
failures at its components. Every number is an assumption of this simulation and taken from no
publication. The wear of each part moves one reading and calls one error more often for some days
before the part fails; parts are also replaced by schedule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator, SeedSequence

from pulsefront.qc.records import MEASUREMENT_COLUMNS, UNIT_COLUMNS, frame_of
from pulsefront.qc.simulate.unit_records import UnitRecords, error_frame, service_frame
from pulsefront.qc.times import DAY_S

__all__ = ["TelemetrySettings", "simulate_machines"]

_HOUR_S = 3600
_START_S = 1_420_070_400  # 2015-01-01

_READINGS = {  # unit of measurement, usual value, hourly noise, change at failure, part
    "volt": ("V", 170.0, 15.0, 22.0, "part1"),
    "rotation": ("rpm", 450.0, 50.0, -75.0, "part2"),
    "pressure": ("kPa", 100.0, 10.0, 16.0, "part3"),
    "vibration": ("mm/s", 40.0, 5.0, 8.0, "part4"),
}
_ERRORS = {"error1": "part1", "error2": "part2", "error3": "part2", "error4": "part3",
           "error5": "part4"}  # fmt: skip
_USUAL_ERRORS = 0.012  # a day and code
_ERRORS_AT_FAILURE = 0.5  # a day
_WEAR_DAYS = (4, 14)
_LIFE_DAYS = 120.0  # of a part, on average
_SCHEDULE_DAYS = 60
_SCHEDULED_SHARE = 0.35


class TelemetrySettings(NamedTuple):
    """How many machines, for how long.

    ``visit_days`` apart somebody comes, on days of each machine's own: parts are replaced then, by
    schedule and after a failure, which nobody logs before. Without visits that is at any time.
    """

    machines: int = 60
    days: int = 365
    seed: int = 0
    visit_days: int = 0


class _Wear(NamedTuple):
    """A part that wears from one day on until it fails or is replaced, in days."""

    part: str
    onset: float
    fails: float
    ends: float


def simulate_machines(settings: TelemetrySettings) -> Iterator[UnitRecords]:
    """Yield the machines one after the other; the same for the same settings."""
    seeds = SeedSequence([settings.seed, 0x7E1E]).spawn(settings.machines)
    for number, seed in enumerate(seeds, start=1):
        yield _machine(settings, f"machine{number:03d}", np.random.default_rng(seed))


def _machine(settings: TelemetrySettings, unit_id: str, random: Generator) -> UnitRecords:
    model = int(random.integers(4))
    age = int(random.integers(0, 20))
    worn: list[_Wear] = []
    services: list[tuple[str, str, float]] = []
    first_visit = float(random.uniform(0.0, settings.visit_days)) if settings.visit_days else 0.0
    for part in sorted({part for *_, part in _READINGS.values()}):
        risk = 1.0 + 0.15 * model + 0.02 * age
        _live(settings, part, risk, first_visit, worn, services, random)
    hours = np.arange(settings.days * 24)
    day = hours / 24.0
    readings = {}
    for name, (_, usual, noise, change, part) in _READINGS.items():
        offset = usual + noise * random.normal(0.0, 0.3)
        wander = noise * 0.15 * np.sin(2 * np.pi * (day + random.uniform(0, 60)) / 60.0)
        moved = sum((_share(wear, day) for wear in worn if wear.part == part), np.zeros(len(day)))
        readings[name] = offset + wander + change * moved + noise * random.normal(size=len(day))
    events = []
    for code, part in _ERRORS.items():
        rate = np.full(settings.days, _USUAL_ERRORS * (1.0 + 0.2 * model))
        for wear in worn:
            if wear.part == part:
                rate = rate + _ERRORS_AT_FAILURE * _share(wear, np.arange(settings.days) + 0.5)
        days = np.repeat(np.arange(settings.days), random.poisson(rate))
        events += [(_START_S + int(d * DAY_S + random.integers(DAY_S)), "", code) for d in days]
    events.sort(key=lambda event: event[0])
    done = sorted(services, key=lambda row: row[2])
    told = [(_START_S + round(day * DAY_S), part, kind) for part, kind, day in done]
    return UnitRecords(
        _unit(unit_id, model, age),
        _measurements(unit_id, hours, readings),
        error_frame(unit_id, events),
        service_frame(unit_id, told, hours=6),
    )


def _live(
    settings: TelemetrySettings,
    part: str,
    risk: float,
    first_visit: float,
    worn: list[_Wear],
    services: list[tuple[str, str, float]],
    random: Generator,
) -> None:
    """Draw the lives of one part, one after the other."""
    begins = 0.0
    while begins < settings.days:
        life = max(15.0, float(random.weibull(2.0)) * _LIFE_DAYS / risk)
        fails = begins + life
        visits = np.arange(begins + _SCHEDULE_DAYS, min(fails, settings.days), _SCHEDULE_DAYS)
        taken = visits[random.random(len(visits)) < _SCHEDULED_SHARE]
        ends = _visit(float(taken[0]) if len(taken) else fails, first_visit, settings.visit_days)
        onset = fails - float(random.uniform(*_WEAR_DAYS))
        worn.append(_Wear(part, onset, fails, ends))
        if ends < settings.days:
            services.append((part, "preventive" if len(taken) else "corrective", ends))
        begins = ends + 0.5


def _visit(day: float, first: float, every: int) -> float:
    """Return the day of the first visit not before a day; the day itself where nobody visits."""
    return first + every * np.ceil((day - first) / every) if every else day


def _share(wear: _Wear, day: np.ndarray) -> np.ndarray:
    share = np.clip((day - wear.onset) / (wear.fails - wear.onset), 0.0, 1.0)
    return np.where((day >= wear.onset) & (day < wear.ends), share, 0.0)


def _unit(unit_id: str, model: int, age: int) -> pd.DataFrame:
    return frame_of(
        UNIT_COLUMNS,
        {
            "unit_id": [unit_id], "site": "hall", "modality": "", "vendor": "simulated",
            "model": f"model{model + 1}", "serial": unit_id[-3:],
            "installed_on": _START_S - age * 365 * DAY_S, "timezone": "UTC",
            "active_from": _START_S,
        },
    )  # fmt: skip


def _measurements(unit_id: str, hours: np.ndarray, readings: dict[str, np.ndarray]) -> pd.DataFrame:
    many = len(readings)
    measured = np.tile(_START_S + hours * _HOUR_S, many)
    names = [n for n in readings for _ in range(len(hours))]
    return frame_of(
        MEASUREMENT_COLUMNS,
        {
            "value": np.concatenate(list(readings.values())),
            "unit_id": unit_id,
            "component_id": "",
            "test": names,
            "measurement_unit": [_READINGS[name][0] for name in names],
            "measured_at": measured,
            "available_at": measured + 60,
        },
    )

"""Gamma cameras that wear in other ways than the scanners of `fleet`, to judge by alone.

The prior model learned from `fleet`, so what it is worth there flatters it. Nothing here is shared
with that simulation but the columns of the records:

- parts wear by random steps and jumps until they pass a limit, on no curve and no day set before,
  after log-normal lives; others fail without a forerunner, with a bathtub hazard (see `wear`);
- noise is autocorrelated and has heavy tails (Student's t), in proportion to the usual reading;
- error codes come in bursts of their own accord (Hawkes 1971, Biometrika 58, 83);
- every site has tests, scales, intervals and limits of its own, or no limits.

Every number is an assumption of this simulation and taken from no publication.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.random import Generator, SeedSequence

from pulsefront.qc.records import MEASUREMENT_COLUMNS, UNIT_COLUMNS, frame_of
from pulsefront.qc.simulate.unit_records import UnitRecords, error_frame, service_frame
from pulsefront.qc.simulate.wear import Life, draw_lives
from pulsefront.qc.times import DAY_S

__all__ = ["CameraSettings", "simulate_cameras"]

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.int64]

_START_S = 1_420_070_400  # 2015-01-01


class _Test(NamedTuple):
    """A test: its usual level, the deviation of a reading, and days from one to the next."""

    level: float
    deviation: float
    every_days: int


_BOARD_TESTS = {
    "centroid": _Test(140.5, 0.35, 1),
    "resolution": _Test(9.6, 0.12, 1),
    "dead time": _Test(1.8, 0.05, 1),
    "offset": _Test(40.0, 1.5, 7),
}
_WHOLE_TESTS = {
    "uniformity": _Test(3.2, 0.25, 7),
    "background": _Test(85.0, 4.0, 1),
    "rotation centre": _Test(0.6, 0.08, 7),
}
_SCALES = (1.0, 1_000.0, 0.01)  # of all readings of a site
_CODES = ("E-017", "E-112", "W-340")
_SITE_TESTS = 3  # of the tests of a board

_STRENGTH_MEDIAN, _STRENGTH_SIGMA = 6.0, 0.5  # deviations that a reading has moved at the failure
_SEEN_SHARE = 0.6  # of the tests of a component, that see it wear
_PULLED_BACK = 0.7  # by a calibration, of what has moved
_REMEMBERED = 0.5  # correlation of one reading's noise with that of the day before
_FREEDOM = 4.0  # degrees of freedom of Student's t
_BURST = 0.5  # events that one event calls, on average
_USUAL_EVENTS, _WORN_EVENTS = 0.004, 0.25  # a day
_CALLING_SHARE = 0.3  # of codes, that a worn board calls
_CALIBRATION_DAYS = 120


class CameraSettings(NamedTuple):
    """How many cameras of how many boards, at three sites, for how long."""

    cameras: int = 12
    boards: int = 9
    days: int = 1_826
    seed: int = 0


class _Site(NamedTuple):
    """What is a site's own; ``missing`` is the share of days without QC."""

    name: str
    tests: tuple[str, ...]
    scale: float
    limits: bool
    missing: float


def simulate_cameras(settings: CameraSettings) -> Iterator[UnitRecords]:
    """Yield the cameras one after the other; the same for the same settings."""
    first, *seeds = SeedSequence([settings.seed, 0xCA3E]).spawn(settings.cameras + 1)
    random = np.random.default_rng(first)
    sites = [_site(name, random) for name in ("east", "hill", "quay")]
    for number, seed in enumerate(seeds):
        yield _camera(settings, sites[number % len(sites)], number, np.random.default_rng(seed))


def _site(name: str, random: Generator) -> _Site:
    tests = random.choice(list(_BOARD_TESTS), _SITE_TESTS, replace=False)
    return _Site(
        name, tuple(sorted(tests.tolist())), float(random.choice(_SCALES)),
        bool(random.random() < 0.5), float(random.uniform(0.02, 0.15)),
    )  # fmt: skip


def _camera(settings: CameraSettings, site: _Site, number: int, random: Generator) -> UnitRecords:
    unit_id = f"camera{number:03d}"
    age = int(random.integers(0, 6 * 365))
    boards = tuple(f"board{k + 1}" for k in range(settings.boards))
    lives = [life for c in ("", *boards) for life in draw_lives(c, age, settings.days, random)]
    first = int(random.integers(1, _CALIBRATION_DAYS))
    calibrated = np.arange(first, settings.days, _CALIBRATION_DAYS)
    used = random.random(settings.days) >= site.missing
    for life in lives:
        used[life.ends : life.ends + 2] = False
    units = frame_of(
        UNIT_COLUMNS,
        {
            "unit_id": [unit_id], "site": site.name, "modality": "NM", "vendor": site.name,
            "model": f"{site.name} camera", "serial": f"{number:04d}", "timezone": "UTC",
            "installed_on": _START_S - age * DAY_S, "active_from": _START_S,
        },
    )  # fmt: skip
    series = [("", name, test) for name, test in _WHOLE_TESTS.items()]
    series += [(board, name, _BOARD_TESTS[name]) for board in boards for name in site.tests]
    day = np.arange(settings.days)
    readings = []
    for component, name, test in series:
        mine = [life for life in lives if life.component == component]
        value = _readings(test, mine, calibrated, settings.days, random)
        kept = day[used & ((day + len(component)) % test.every_days == 0)]
        readings.append(_records(site, component, name, test, kept, value[kept], calibrated))
    measurements = pd.concat(readings, ignore_index=True).assign(unit_id=unit_id)
    errors = sorted(_errors(settings.days, boards, lives, random))
    done = [(int(day), "", "calibration") for day in calibrated]
    done += [
        (life.ends, life.component, "preventive" if life.taken else "corrective")
        for life in lives
        if life.ends < settings.days
    ]
    services = [(_START_S + d * DAY_S + 5 * 3600, c, kind) for d, c, kind in sorted(done)]
    logs = error_frame(unit_id, errors), service_frame(unit_id, services, hours=24)
    return UnitRecords(units, measurements, *logs)


def _readings(
    test: _Test, lives: list[Life], calibrated: Days, days: int, random: Generator
) -> Floats:
    """Return what one test reads of one component each day."""
    from scipy.signal import lfilter

    moved = np.full(days, 0.7 * random.normal())  # in deviations
    for life in lives:
        if random.random() < _SEEN_SHARE:
            strength = _STRENGTH_MEDIAN * float(np.exp(_STRENGTH_SIGMA * random.normal()))
            shown, wear = life.shown(days)
            moved[shown] += strength * float(random.choice([-1.0, 1.0])) * wear
    for first in calibrated:
        moved[first:] -= _PULLED_BACK * moved[first - 1]
    unit = np.sqrt((_FREEDOM - 2.0) / _FREEDOM * (1.0 - _REMEMBERED**2))
    noise = lfilter([1.0], [1.0, -_REMEMBERED], unit * random.standard_t(_FREEDOM, days))
    value = (test.level + test.deviation * moved) * (1.0 + test.deviation / test.level * noise)
    return np.asarray(value)


def _records(
    site: _Site, component: str, name: str, test: _Test, day: Days, value: Floats, calibrated: Days
) -> pd.DataFrame:
    when = _START_S + day * DAY_S + 6 * 3600
    level, allowed = (test.level, 5.0 * test.deviation) if site.limits else (np.nan, np.nan)
    return frame_of(
        MEASUREMENT_COLUMNS,
        {
            "value": np.round(site.scale * value, 5), "component_id": component,
            "test": f"{site.name} {name}", "measurement_unit": f"{site.name} units",
            "reference": site.scale * level, "action_low": site.scale * (level - allowed),
            "action_high": site.scale * (level + allowed),
            "measured_at": when, "available_at": when + 1_800, "software_version": "1",
            "baseline_id": np.searchsorted(calibrated, day, "right").astype(str),
        },
    )  # fmt: skip


def _errors(
    days: int, boards: tuple[str, ...], lives: list[Life], random: Generator
) -> set[tuple[int, str, str]]:
    """Return the second, the board and the code of each error."""
    found: set[tuple[int, str, str]] = set()
    for component, code in itertools.product(boards, _CODES):
        rate = np.full(days, _USUAL_EVENTS)
        for life in (life for life in lives if life.component == component):
            shown, wear = life.shown(days)
            if len(wear) and random.random() < _CALLING_SHARE:
                rate[shown] += _WORN_EVENTS * wear
        calls = np.repeat(np.arange(days), random.poisson(rate)).astype(float)
        while len(calls):
            found |= {(_START_S + int(DAY_S * t), component, code) for t in calls if t < days}
            calls = np.repeat(calls, random.poisson(_BURST, len(calls)))
            calls = calls + random.exponential(2.0, len(calls))
    return found

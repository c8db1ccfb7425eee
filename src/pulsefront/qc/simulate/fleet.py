"""A simulated fleet: what its daily QC would have written, and the truth behind it.

What fails when is drawn in `timeline`, what the tests then read in `signals`, and what of it
reaches the logs in `records`. Part of the failures give no warning at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator, SeedSequence

from pulsefront.errors import ConfigError
from pulsefront.progress import Report, silent
from pulsefront.qc.records import (
    EVENT_COLUMNS,
    FILE_COLUMNS,
    MEASUREMENT_COLUMNS,
    SERVICE_COLUMNS,
    UNIT_COLUMNS,
)
from pulsefront.qc.simulate.records import (
    FAILURE_COLUMNS,
    events_of,
    failures_of,
    measurements_of,
    qc_days,
    services_of,
    unit_of,
)
from pulsefront.qc.simulate.settings import FleetSettings, SiteProfile
from pulsefront.qc.simulate.signals import draw_signals
from pulsefront.qc.simulate.timeline import draw_timeline
from pulsefront.qc.times import DAY_S

__all__ = [
    "SimulatedUnit",
    "read_failures",
    "simulate_units",
    "site_toml",
    "write_fleet",
    "write_logs",
]


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
    values = draw_signals(settings, site, life, days, random)
    done = qc_days(settings, site, life, start_s, random)
    late = np.where(
        random.random(settings.days) < site.late_log_share, random.integers(2, 8, settings.days), 0
    )
    return SimulatedUnit(
        unit_id,
        unit_of(settings, site, unit_id, life, start_s),
        measurements_of(site, unit_id, life, start_s, values, done, late),
        events_of(settings, unit_id, life, start_s, days, random),
        services_of(settings, site, unit_id, life, start_s, random),
        failures_of(site, unit_id, life, start_s),
    )


def write_fleet(settings: FleetSettings, folder: Path, *, report: Report = silent) -> list[Path]:
    """Write a fleet as the CSV files that sites would export, and ``site.toml`` to read them.

    The truth goes to ``failures.csv`` in the same folder, whose name no mapping fits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    truth = []
    for done, unit in enumerate(simulate_units(settings), start=1):
        truth.append(unit.failures)
        written += write_logs(unit, folder / "logs")
        report(done, settings.scanners)
    pd.concat(truth, ignore_index=True).to_csv(folder / "failures.csv", index=False)
    (folder / "site.toml").write_text(site_toml(settings), encoding="utf-8")
    return written


def write_logs(unit: SimulatedUnit, folder: Path) -> list[Path]:
    """Write what a site would export of a scanner, with the times when it became known."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in ("units", "measurements", "events", "services"):
        frame = getattr(unit, name).drop(columns=list(FILE_COLUMNS), errors="ignore")
        times = [c for c in frame.columns if c.endswith(("_at", "_on", "_from", "_to"))]
        for column in times:
            frame[column] = _iso(frame[column].to_numpy())
        written.append(folder / f"{unit.unit_id}_{name}.csv")
        frame.to_csv(written[-1], index=False)
    return written


def read_failures(path: Path) -> pd.DataFrame:
    """Return the failures of a simulated fleet from the file that `write_fleet` left.

    Raises
    ------
    ConfigError
        The file is missing or is none of these.
    """
    try:
        frame = pd.read_csv(path, keep_default_na=False)
        lacking = [name for name in FAILURE_COLUMNS if name not in frame]
        if not lacking:
            return frame.astype({"onset_at": "int64", "failed_at": "int64"})
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}", file=path, field="truth") from None
    raise ConfigError(
        "is no file of simulated failures",
        file=path,
        field="truth",
        remedy=f"it lacks {', '.join(lacking)}",
    )


def _iso(seconds: np.ndarray) -> np.ndarray:
    texts = np.datetime_as_string(seconds.astype("datetime64[s]"), timezone="UTC").astype(object)
    return np.where(seconds == 0, "", texts)


def site_toml(settings: FleetSettings) -> str:
    """Return the site's file that reads what `write_logs` writes."""
    lines = [f'site = "{settings.name}"', 'timezone = "UTC"', ""]
    columns = {
        "unit": [c for c in UNIT_COLUMNS if not c.startswith("active")],
        "measurement": [c for c in MEASUREMENT_COLUMNS if c not in FILE_COLUMNS],
        "event": [c for c in EVENT_COLUMNS if c not in FILE_COLUMNS],
        "service": [c for c in SERVICE_COLUMNS if c not in FILE_COLUMNS],
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

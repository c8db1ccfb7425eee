"""From what a user asks for to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError
from pulsefront.progress import Report, silent
from pulsefront.simulate.coincidences import CoincidenceSettings, coincidence_plan
from pulsefront.simulate.light_map import light_map_for
from pulsefront.simulate.perturb import NAMED, perturbed
from pulsefront.simulate.plan import Plan
from pulsefront.simulate.scan import scan_plan
from pulsefront.simulate.source import ScanSettings, check_scan, default_scan

__all__ = ["choose_plan"]


def choose_plan(
    detector: str | Path,
    *,
    what: str,
    settings: str | Path | None,
    perturbations: Sequence[str],
    full_tracing: bool,
    seed: int,
    events: int,
    cache: str | Path,
    executor: Executor | None = None,
    report: Report = silent,
) -> Plan:
    """Return the plan of ``pulsefront simulate``.

    Parameters
    ----------
    what
        "scan", "coincidences", or "auto": a scan where the detector reads charges.
    settings
        TOML file of `ScanSettings` or `CoincidenceSettings`; defaults where None.
    perturbations
        Names of `pulsefront.simulate.perturb.NAMED`, applied one after the other.
    report
        Told of photons while a light map is traced.

    Raises
    ------
    ConfigError
        Something asked for does not exist or does not fit.
    """
    loaded = load_detector(detector)
    for name in perturbations:
        if name not in NAMED:
            raise ConfigError(
                "no such mismatch",
                field="--perturb",
                value=name,
                remedy=f"there are: {', '.join(NAMED)}",
            )
        loaded = perturbed(loaded, NAMED[name])
    if what == "auto":
        what = "scan" if loaded.charge is not None else "coincidences"
    if what == "scan":
        return _scan(loaded, settings, full_tracing, seed, events, cache, executor, report)
    if full_tracing:
        raise ConfigError(
            "is there for scans only", field="--full-tracing", remedy="leave it out for waveforms"
        )
    chosen = CoincidenceSettings.from_toml(settings) if settings else CoincidenceSettings()
    return coincidence_plan(loaded, chosen, seed, events=events, cache=cache, executor=executor)


def _scan(
    detector: Detector,
    settings: str | Path | None,
    full_tracing: bool,  # noqa: FBT001 - a private step of choose_plan
    seed: int,
    events: int,
    cache: str | Path,
    executor: Executor | None,
    report: Report,
) -> Plan:
    scan = ScanSettings.from_toml(settings) if settings else default_scan(detector)
    if full_tracing:
        scan = scan.model_copy(update={"full_tracing": True})
    check_scan(detector, scan)
    light_map = None
    if not scan.full_tracing:
        light_map = light_map_for(
            detector, scan.light_map, cache=cache, executor=executor, report=report
        )
    return scan_plan(detector, scan, seed, events=events, light_map=light_map)

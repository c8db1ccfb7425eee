"""From what a user asks for to a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from pulsefront.detector import Detector, load_detector
from pulsefront.errors import ConfigError
from pulsefront.progress import Report, silent
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings, coincidence_plan
from pulsefront.simulate.perturb import NAMED, perturbed
from pulsefront.simulate.run.plan import Plan
from pulsefront.simulate.scan.measurement import scan_plan
from pulsefront.simulate.scan.settings import ScanSettings, default_scan

__all__ = ["choose_plan", "chosen_detector"]

_MULTIPLEXED = ("pixels", "row_column", "charge_division")


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
    readout: str | None = None,
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
    readout
        What is recorded: of a scan "pixels", "row_column" or "charge_division"; of coincidences
        these, "sum", or numbers of photosensors with commas between. None leaves the choice to
        the detector or the settings.
    report
        Told of photons while a light map is traced.

    Raises
    ------
    ConfigError
        Something asked for does not exist or does not fit.
    """
    chosen = chosen_detector(detector, perturbations)
    if what == "auto":
        what = "scan" if chosen.charge is not None else "coincidences"
    if what == "scan":
        if readout is not None:
            chosen = _multiplexed(chosen, readout)
        scan = ScanSettings.from_toml(settings) if settings else default_scan(chosen)
        if full_tracing:
            scan = scan.model_copy(update={"full_tracing": True})
        with _said_of(settings):
            return scan_plan(
                chosen, scan, seed, events=events, cache=cache, executor=executor, map_report=report
            )
    pair = CoincidenceSettings.from_toml(settings) if settings else CoincidenceSettings()
    if full_tracing:
        pair = pair.model_copy(update={"full_tracing": True})
    if readout is not None:
        pair = pair.model_copy(update={"readout": _channels(readout)})
    with _said_of(settings):
        return coincidence_plan(
            chosen, pair, seed, events=events, cache=cache, executor=executor, map_report=report
        )


def chosen_detector(name_or_path: str | Path, perturbations: Sequence[str]) -> Detector:
    """Return a detector with mismatches applied one after the other.

    Raises
    ------
    ConfigError
        There is no such detector or mismatch.
    """
    detector = load_detector(name_or_path)
    for name in perturbations:
        if name not in NAMED:
            raise ConfigError(
                "no such mismatch",
                field="--perturb",
                value=name,
                remedy=f"there are: {', '.join(NAMED)}",
            )
        detector = perturbed(detector, NAMED[name])
    return detector


@contextmanager
def _said_of(settings: str | Path | None) -> Iterator[None]:
    """Name the file of settings in errors about one of its keys."""
    try:
        yield
    except ConfigError as error:
        keys = {*ScanSettings.model_fields, *CoincidenceSettings.model_fields}
        if settings is None or error.file is not None or error.field not in keys:
            raise
        raise ConfigError(
            error.problem,
            file=settings,
            field=error.field,
            value=error.value,
            remedy=error.remedy,
        ) from None


def _multiplexed(detector: Detector, readout: str) -> Detector:
    """Return *detector* with the charge readout asked for."""
    if readout not in _MULTIPLEXED:
        raise ConfigError(
            "is no readout of charges",
            field="--readout",
            value=readout,
            remedy=f"there are: {', '.join(_MULTIPLEXED)}",
        )
    if detector.charge is None:
        # The plan says what is missing.
        return detector
    charge = detector.charge.model_copy(update={"multiplexing": readout})
    return detector.model_copy(update={"charge": charge})


def _channels(readout: str) -> str | tuple[int, ...]:
    """Return the readout of waveforms that a word or a list of numbers stands for."""
    if readout == "sum" or readout in _MULTIPLEXED:
        return readout
    try:
        return tuple(int(part) for part in readout.split(","))
    except ValueError:
        raise ConfigError(
            "is no readout of waveforms",
            field="--readout",
            value=readout,
            remedy=f"there are: sum, {', '.join(_MULTIPLEXED)}, or photosensors such as 0,5,12",
        ) from None

"""Opening the data of an evaluation: read or simulate, select, and refuse what is not external."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulsefront.detector import load_detector
from pulsefront.errors import DataError
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.events.manifest import load_manifest
from pulsefront.files import hash_file, write_json
from pulsefront.studies.evaluation.frozen import FrozenNetwork, seen_in_development
from pulsefront.studies.evaluation.records import EvaluationPlan, Opened
from pulsefront.studies.evaluation.settings import EvaluationSet, EvaluationStudy
from pulsefront.studies.measured_events import load_measured
from pulsefront.studies.settings import ExternalSet
from pulsefront.studies.steps import StepContext

__all__ = ["OPENED", "open_data"]

OPENED = "opened.json"
"""Under which plan the data were opened, and when."""

LEAST_EVENTS = 50
"""Fewer have no resolution worth a number."""

MOST_SEEN = 0.01
"""Share of a set that may equal events of the development study number for number, by chance."""

LARGEST_RATIO = 2.0
"""Of photopeaks: beyond it the units or the gain are others, not the light."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def open_data(
    study: EvaluationStudy,
    file: Path,
    frozen: FrozenNetwork,
    plan: EvaluationPlan,
    directory: Path,
    context: StepContext,
) -> None:
    """Read or simulate every set, select its events and write them; first say that it is done."""
    if not (directory / OPENED).is_file():
        written = (context.steps / "plan" / "plan.json").stat().st_mtime
        at = datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds")
        Opened(plan_sha256=plan.sha256, plan_written_at=at, opened_at=_now()).write(
            directory / OPENED
        )
    # Light maps are of a detector, whoever traces them.
    shutil.copytree(frozen.folders.cache, context.cache, dirs_exist_ok=True)
    rows = []
    for number, chosen in enumerate(study.external):
        events, about = _events_of(chosen, file, frozen, context.cache)
        try:
            found = frozen.kind.select_external(events)
            _refuse_other_units(frozen, events, found.selection)
        except DataError as error:
            error.problem = f"external set {chosen.name!r}: {error.problem}"
            raise
        if len(found.events) < LEAST_EVENTS:
            raise DataError(
                f"{len(found.events)} events pass the selection, too few to measure on",
                field=chosen.name,
                remedy="give more events; the selection's counts are "
                + ", ".join(f"{name} {count:g}" for name, count in found.selection.items()),
            )
        seen = seen_in_development(frozen, found.events)
        if seen > MOST_SEEN * len(found.events):
            raise DataError(
                f"{seen:,} of {len(found.events):,} events of external set {chosen.name!r} are "
                "among those of the development study: the set is not external",
                field=f"external.{number}",
                value=chosen.name,
                remedy="give data that no part of the development has seen",
            )
        store.write(found.events, context.folder / f"{number}.h5")
        delays = {name: one.model_dump(mode="json") for name, one in found.delays.items()}
        rows.append({**about, "selection": found.selection, "delays": delays, "events_seen": seen})
    write_json(context.folder / "sets.json", rows)


def _events_of(
    chosen: EvaluationSet, file: Path, frozen: FrozenNetwork, cache: Path
) -> tuple[EventTable, dict[str, Any]]:
    kind = frozen.kind
    if chosen.measured is None:
        detector = chosen.detector or kind.study.detector
        simulated = ExternalSet(
            name=chosen.name, detector=detector, perturb=chosen.perturb, events=chosen.events
        )
        about = {"origin": "simulated", "detector": detector, "perturb": list(chosen.perturb)}
        return kind.generate_external(simulated, cache), about
    path = file.parent / chosen.measured.path
    channels = None
    if kind.measured_kind == "position":
        channels = load_detector(str(kind.study.detector)).sensors.count
    files = [path]
    if path.suffix.lower() == ".toml":
        files += [path.parent / name for scan in load_manifest(path).scan for name in scan.files]
    events = load_measured(
        chosen.measured, kind.measured_kind, relative_to=file.parent, channels=channels
    )
    hashes = {one.name: hash_file(one) for one in files if one.is_file()}
    return events, {"origin": "measured", "path": path.name, "files_sha256": hashes}


def _refuse_other_units(
    frozen: FrozenNetwork, events: EventTable, selection: dict[str, float]
) -> None:
    """Refuse a set whose numbers are not in the units that the network reads.

    Raises
    ------
    DataError
        Its photopeak lies elsewhere by more than any change of light, or its samples are at other
        intervals.
    """
    split = frozen.split
    for key, peak in selection.items():
        own = getattr(split, key, None)
        if not key.startswith("photopeak") or not key.endswith("_adc") or "sigma" in key:
            continue
        if own and not 1 / LARGEST_RATIO < peak / own < LARGEST_RATIO:
            raise DataError(
                f"its photopeak lies at {peak:.4g}, that of the development study at {own:.4g}: "
                "units or gain differ",
                field=key,
                remedy="give charges in the ADC counts that the front end gives the network",
            )
    interval = events.provenance.get("sample_interval_ns")
    digitizer = load_detector(str(frozen.kind.study.detector)).digitizer
    if frozen.kind.measured_kind == "timing" and interval is not None and digitizer is not None:
        own_ns = digitizer.sample_interval_ns
        if abs(float(interval) / own_ns - 1) > 0.01:
            raise DataError(
                f"its samples are {float(interval):g} ns apart, the network reads some "
                f"{own_ns:g} ns apart",
                field="sample_interval_ns",
                value=interval,
                remedy="give records of the digitizer that the network was made for",
            )

"""External test sets: other detectors, perturbed ones, and measured data.

Everything that a study has fitted is frozen before it meets them. A set of which nothing can be
measured (too few events, no photopeak, values beyond the network's input format) says so in the
report; it does not stop the study.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from pulsefront.errors import DataError
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.events.external import ExternalData
from pulsefront.files import write_json
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.folders import RunFolders, save_arrays
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.kinds.base import BaselineEstimator
from pulsefront.studies.measured_events import load_measured
from pulsefront.studies.records import ExternalRecord, InputProfile
from pulsefront.studies.settings import ExternalSet, StudyBase
from pulsefront.studies.uncertainty.outputs import estimates_in

__all__ = [
    "estimate_sets",
    "evaluate_sets",
    "fingerprint",
    "input_profile",
    "make_sets",
    "open_sets",
    "stamps",
]

LEAST_EVENTS = 50
"""Fewer have no resolution worth a number."""

ROWS = TypeAdapter(tuple[ExternalRecord, ...])


def fingerprint(chosen: ExternalData, folder: Path) -> list[tuple[str, int, int]]:
    """Return what tells whether the measured files that a manifest or store names have changed.

    Sizes and times of change stand for the content, for the files may be large.
    """
    path = folder / chosen.path
    if path.suffix.lower() == ".toml":
        from pulsefront.events.manifest import load_manifest

        named = [path.parent / file for scan in load_manifest(path).scan for file in scan.files]
    else:
        named = []
    return stamps((path, *named))


def stamps(files: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Return name, size and time of change of the files that there are."""
    found = [(str(file), file.stat()) for file in files if file.is_file()]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in found]


def make_sets(kind: StudyKind, study_folder: Path, cache: Path, folder: Path) -> None:
    """Read or simulate every external set, select its events and write them into *folder*.

    Raises
    ------
    ConfigError, DataError
        Files are missing or lack what a study of this kind needs.
    """
    rows: list[ExternalRecord] = []
    for number, chosen in enumerate(kind.study.external):
        if chosen.measured is not None:
            events = load_measured(chosen.measured, kind.measured_kind, relative_to=study_folder)
        else:
            events = kind.generate_external(chosen, cache)
        row = _described(kind.study, chosen)
        try:
            found = kind.select_external(events)
            delays = dict(found.delays) or None
            row = row.model_copy(update={"selection": found.selection, "channel_delays": delays})
            if len(found.events) < LEAST_EVENTS:
                raise DataError(
                    f"{len(found.events)} events pass the selection, too few to measure on",
                    field=chosen.name,
                )
            store.write(found.events, folder / f"{number}.h5")
        except DataError as error:
            row = row.model_copy(update={"not_measured": str(error)})
        rows.append(row)
    write_json(folder / "external.json", [row.to_json() for row in rows])


def _described(study: StudyBase, chosen: ExternalSet) -> ExternalRecord:
    if chosen.measured is not None:
        return ExternalRecord(name=chosen.name, origin="measured", path=chosen.measured.path.name)
    return ExternalRecord(
        name=chosen.name,
        origin="simulated",
        detector=chosen.detector or study.detector,
        perturb=chosen.perturb,
    )


def open_sets(folder: Path) -> list[tuple[int, ExternalRecord, EventTable | None]]:
    """Return number, record and events of every set in *folder*; no events of one left out."""
    rows = ROWS.validate_json((folder / "external.json").read_bytes())
    return [
        (n, row, None if row.not_measured is not None else store.read(folder / f"{n}.h5"))
        for n, row in enumerate(rows)
    ]


def estimate_sets(
    kind: StudyKind, fitted: Sequence[BaselineEstimator], sets: Path, folder: Path
) -> None:
    """Apply the fitted classical estimators to every set; write the estimates into *folder*."""
    for number, _, events in open_sets(sets):
        if events is not None:
            found = {str(k): kind.estimate_with(b.fitted, events) for k, b in enumerate(fitted)}
            save_arrays(folder / f"external_{number}.npz", found)


def input_profile(inputs: NDArray[np.integer]) -> InputProfile:
    """Return mean and standard deviation of every input, (vector, input)."""
    return InputProfile(
        mean=inputs.mean(axis=0, dtype=np.float64).tolist(),
        standard_deviation=inputs.std(axis=0, dtype=np.float64).tolist(),
    )


def _shift(inputs: NDArray[np.integer], profile: InputProfile) -> float:
    """Return the largest shift of an input's mean, in standard deviations of the profile."""
    spread = np.maximum(profile.standard_deviation, 1e-9)
    return float(np.max(np.abs(inputs.mean(axis=0) - profile.mean) / spread))


def evaluate_sets(
    kind: StudyKind,
    model: FixedPointModel,
    profile: InputProfile,
    kept_inputs: NDArray[np.int64],
    baselines: Sequence[str],
    folders: RunFolders,
) -> tuple[ExternalRecord, ...]:
    """Return what network and classical estimators reach on every set.

    Parameters
    ----------
    profile
        Of the training events.
    kept_inputs
        Inputs that the searched network reads.
    baselines
        Names of the classical estimators, as they were fitted.
    """
    return tuple(
        row
        if events is None
        else _evaluated(
            kind,
            model,
            profile,
            kept_inputs,
            events,
            row,
            _estimates(folders.baselines.with_name(f"external_{number}.npz"), baselines),
        )
        for number, row, events in open_sets(folders.external)
    )


def _estimates(path: Path, baselines: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    with np.load(path) as arrays:
        return {name: arrays[str(k)] for k, name in enumerate(baselines)}


def _evaluated(
    kind: StudyKind,
    model: FixedPointModel,
    profile: InputProfile,
    kept_inputs: NDArray[np.int64],
    events: EventTable,
    row: ExternalRecord,
    estimates: dict[str, NDArray[np.float64]],
) -> ExternalRecord:
    """Return the record of one set with what was measured, or why nothing was."""
    (output,) = model.output_formats.values()
    inputs = kind.network_inputs(events)
    inputs = inputs.reshape(-1, inputs.shape[-1])[:, kept_inputs].astype(np.int64)
    row = row.model_copy(update={"input_shift_sigmas": _shift(inputs, profile)})
    try:
        found = kind.evaluate_external(
            events, estimates_in(kind.study, output.values(model.run(inputs))), estimates
        )
    except DataError as error:
        return row.model_copy(update={"not_measured": str(error)})
    return row.model_copy(
        update={
            "main_metric": found.main_metric,
            "test_events": found.test_events,
            "test_events_left_out": found.test_events_left_out,
            "test_positions": found.test_positions,
            "estimators": found.estimators,
            "gain_over_baselines": found.gain_over_baselines,
        }
    )

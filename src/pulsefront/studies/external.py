"""External test sets: other detectors, perturbed ones, and measured data.

Everything that a study has fitted is frozen before it meets them. A set of which nothing can be
measured (too few events, no photopeak, values beyond the network's input format) says so in the
report; it does not stop the study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.events import store
from pulsefront.events.container import EventTable
from pulsefront.events.external import load_external
from pulsefront.files import write_json
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.config import ExternalSet, StudyBase
from pulsefront.studies.parts import Baseline, read_rows, save_arrays

__all__ = ["estimate_sets", "evaluate_sets", "fingerprint", "input_profile", "make_sets"]

LEAST_EVENTS = 50
"""Fewer have no resolution worth a number."""


def fingerprint(chosen: Any, folder: Path) -> Any:
    """Return what tells whether the measured files that a manifest or store names have changed.

    Sizes and times of change stand for the content, for the files may be large.
    """
    path = folder / chosen.path
    if path.suffix.lower() == ".toml":
        from pulsefront.events.scans import load_manifest

        named = [path.parent / file for scan in load_manifest(path).scan for file in scan.files]
    else:
        named = []
    found = [(str(file), file.stat()) for file in (path, *named) if file.is_file()]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in found]


def make_sets(study: StudyBase, room: Any, study_folder: Path, cache: Path, folder: Path) -> None:
    """Read or simulate every external set, select its events and write them into *folder*.

    Parameters
    ----------
    room
        The module of the study's kind.

    Raises
    ------
    ConfigError, DataError
        Files are missing or lack what a study of this kind needs.
    """
    rows: list[dict[str, Any]] = []
    for number, chosen in enumerate(study.external):
        if chosen.measured is not None:
            events = load_external(chosen.measured, room.MEASURED_KIND, relative_to=study_folder)
        else:
            events = room.generate_external(study, chosen, cache)
        row: dict[str, Any] = {"name": chosen.name, **_described(study, chosen)}
        try:
            selected, record = room.select_external(study, events)
            row |= record
            if len(selected) < LEAST_EVENTS:
                raise DataError(
                    f"{len(selected)} events pass the selection, too few to measure on",
                    field=chosen.name,
                )
            store.write(selected, folder / f"{number}.h5")
        except DataError as error:
            row["not_measured"] = str(error)
        rows.append(row)
    write_json(folder / "external.json", rows)


def _described(study: StudyBase, chosen: ExternalSet) -> dict[str, Any]:
    if chosen.measured is not None:
        return {"origin": "measured", "path": chosen.measured.path.name}
    return {
        "origin": "simulated",
        "detector": chosen.detector or study.detector,
        "perturb": list(chosen.perturb),
    }


def _sets(folder: Path) -> list[tuple[int, dict[str, Any], EventTable | None]]:
    rows = read_rows(folder / "external.json")
    return [
        (n, row, None if "not_measured" in row else store.read(folder / f"{n}.h5"))
        for n, row in enumerate(rows)
    ]


def estimate_sets(fitted: Sequence[Baseline], sets: Path, folder: Path) -> None:
    """Apply the fitted classical estimators to every set; write their answers into *folder*."""
    for number, _, events in _sets(sets):
        if events is not None:
            answers = {str(k): baseline.answer(events) for k, baseline in enumerate(fitted)}
            save_arrays(folder / f"external_{number}.npz", answers)


def input_profile(inputs: NDArray[np.integer]) -> dict[str, list[float]]:
    """Return mean and standard deviation of every input, (vector, input) → lists."""
    return {
        "mean": inputs.mean(axis=0, dtype=np.float64).tolist(),
        "standard_deviation": inputs.std(axis=0, dtype=np.float64).tolist(),
    }


def _shift(inputs: NDArray[np.integer], profile: Mapping[str, list[float]]) -> float:
    """Return the largest shift of an input's mean, in standard deviations of the profile."""
    spread = np.maximum(profile["standard_deviation"], 1e-9)
    return float(np.max(np.abs(inputs.mean(axis=0) - profile["mean"]) / spread))


def evaluate_sets(
    study: StudyBase,
    rooms: tuple[Any, Any],
    model: FixedPointModel,
    profile: Mapping[str, list[float]],
    kept_inputs: NDArray[np.int64],
    baselines: Sequence[str],
    folders: Mapping[str, Path],
) -> list[dict[str, Any]]:
    """Return what network and classical estimators reach on every set.

    Parameters
    ----------
    rooms
        The modules of the study's kind: its data, its measures.
    profile
        `input_profile` of the training events.
    kept_inputs
        Inputs that the searched network reads.
    baselines
        Names of the classical estimators, as they were fitted.
    folders
        Of the steps; ``external`` and ``baselines`` are read.
    """
    data, measures = rooms
    (output,) = model.output_formats.values()
    rows = []
    for number, row, events in _sets(folders["external"]):
        if events is not None:
            inputs = data.network_inputs(study, events)
            inputs = inputs.reshape(-1, inputs.shape[-1])[:, kept_inputs].astype(np.int64)
            row["input_shift_sigmas"] = _shift(inputs, profile)
            with np.load(folders["baselines"] / f"external_{number}.npz") as arrays:
                estimates = {name: arrays[str(k)] for k, name in enumerate(baselines)}
            try:
                answers = output.values(model.run(inputs))
                row.update(measures.evaluate_external(study, events, answers, estimates))
            except DataError as error:
                row["not_measured"] = str(error)
        rows.append(row)
    return rows

"""Networks of another family beside the searched one: measured, exported and proved alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.spread import spread_over
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.verification import Verification
from pulsefront.fixed_point import FixedPointModel
from pulsefront.search.beside import model_residuals
from pulsefront.search.noninferiority import Figures, event_groups
from pulsefront.search.result import SearchSummary
from pulsefront.search.task import Task
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.proof import before_network, board_of_export, input_unit
from pulsefront.studies.records import StudyPlan
from pulsefront.studies.steps import read_step

__all__ = ["Network", "figures_of", "proved_export", "searched_networks"]

Network = tuple[FixedPointModel, NDArray[np.intp]]
"""A model and the indices of the raw inputs that it reads."""


def searched_networks(folders: RunFolders) -> list[Network]:
    """Return the searched network of each initialization."""
    with np.load(folders.test_arrays) as arrays:
        return [
            (
                FixedPointModel.load(folders.initializations / f"{number}.json"),
                arrays[f"kept_{number}"].astype(np.intp),
            )
            for number in range(len(arrays["full"]))
        ]


def figures_of(
    task: Task, networks: Sequence[Network], rows: NDArray[np.intp], seed: int
) -> Figures:
    """Measure *networks* on the events *rows*, in groups that are the same for all."""
    labels = None if task.groups is None else task.groups[rows]
    groups = event_groups(len(rows), labels, seed=seed)
    residuals = [model_residuals(task, model, inputs, rows) for model, inputs in networks]
    return Figures.of(residuals, task.metric, groups)


def proved_export(
    kind: StudyKind,
    folders: RunFolders,
    network: Network,
    raw: NDArray[np.integer],
    *,
    step: str,
    targets: tuple[str, ...],
    folder: Path,
) -> Verification:
    """Export a network into *folder*, and compare every executor of it.

    Parameters
    ----------
    raw
        All raw inputs (event, input) of test events; as many as the study compares are taken.
    step
        The step that trained the network.

    Raises
    ------
    VerificationFailed
        An integer differs.
    """
    study, (model, inputs) = kind.study, network
    rows = spread_over(len(raw), study.verification.held_out_vectors)
    vectors = raw[rows][:, inputs].astype(np.int64)
    names = SearchSummary.read(folders.search).input_names
    export_model(
        model,
        folder,
        targets=targets,
        board=board_of_export(study),
        data_vectors=vectors,
        provenance={
            "study": study.name,
            "study_sha256": StudyPlan.read(folders.plan).sha256,
            "training_sha256": read_step(folders.of(step)).key,
            "input_names": [names[i] for i in inputs],
            **before_network(kind),
        },
        units={
            **{port.name: input_unit(kind) for port in model.inputs},
            **dict.fromkeys(model.outputs, kind.output_unit),
        },
    )
    proof = verify_export(folder, extra_inputs=vectors)
    proof.raise_on_failure()
    return proof

"""Firmware written, and every executor of it compared to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.evaluate.spread import spread_over
from pulsefront.files import write_json, write_text
from pulsefront.firmware import export_model, verify_export
from pulsefront.fixed_point import FixedPointModel
from pulsefront.fixed_point.input_check import INPUT_TESTS
from pulsefront.search.result import SearchSummary
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import StudyKind
from pulsefront.studies.records import PartRecord, StudyPlan
from pulsefront.studies.settings import StudyBase
from pulsefront.studies.steps import StepContext, read_step
from pulsefront.studies.uncertainty.class_records import ClassMargin
from pulsefront.studies.uncertainty.records import ErrorHead, InputTestNumbers

__all__ = ["before_network", "board_of_export", "export_step", "input_unit", "verify_step"]


def export_step(kind: StudyKind, inputs: NDArray[np.int64], context: StepContext) -> None:
    """Write the export folder of the searched model.

    Parameters
    ----------
    inputs
        (vector, kept input) integers from the test set, some of which become golden vectors.
    """
    folders, study = RunFolders(context.steps), kind.study
    search = SearchSummary.read(folders.search)
    model = FixedPointModel.load(folders.model)
    part = None if study.budget.board is None else PartRecord.read(folders.part)
    export_model(
        model,
        context.folder / folders.firmware.name,
        targets=study.export.targets,
        board=board_of_export(study),
        **({} if part is None else _sharing(part)),
        data_vectors=inputs,
        provenance={
            "study": study.name,
            "study_sha256": StudyPlan.read(folders.plan).sha256,
            "training_sha256": read_step(folders.of("search")).key,
            "input_names": [search.input_names[i] for i in search.kept_inputs],
            **before_network(kind),
            **_error_scale(kind, folders),
            **_class_margin(kind, folders),
            **_input_tests(folders),
        },
        units={
            **{port.name: input_unit(kind) for port in model.inputs},
            **dict.fromkeys(model.outputs, kind.output_unit),
        },
    )
    _export_check(kind, folders, inputs, context.folder)


CHECK_TARGETS = ("onnx", "c99")
"""Of the tests of the inputs: integers that run anywhere."""


def _export_check(
    kind: StudyKind, folders: RunFolders, inputs: NDArray[np.int64], folder: Path
) -> None:
    """Write the export folder of the tests of the inputs, where the study asks for them."""
    if kind.study.uncertainty is None:
        return
    check = FixedPointModel.load(folders.input_check)
    export_model(
        check,
        folder / folders.exported_check.name,
        targets=CHECK_TARGETS,
        board=board_of_export(kind.study),
        data_vectors=inputs,
        provenance={"study": kind.study.name, "outputs": list(INPUT_TESTS)},
        units={port.name: input_unit(kind) for port in check.inputs},
    )


def _class_margin(kind: StudyKind, folders: RunFolders) -> dict[str, Any]:
    """Return what margins between scores of classes say, where the study asks: integers."""
    if kind.study.uncertainty is None or kind.study.has_head:
        return {}
    margin = ClassMargin.read(folders.class_margin)
    return {
        "class_margin": {
            "step": margin.step,
            "sets": [{"share": row.share, "reach": row.reach} for row in margin.sets],
            "right": [
                {"above": row.above, "share": round(row.right / row.events, 4)}
                for row in margin.bins
            ],
            "least_kept": margin.cuts,
        }
    }


def _error_scale(kind: StudyKind, folders: RunFolders) -> dict[str, Any]:
    """Return what is to be known of the last output where it foretells the error of the others."""
    if not kind.study.has_head:
        return {}
    head = ErrorHead.read(folders.head)
    told = ("share", "edges", "numerators", "fraction_bits")
    regions = [{key: row.to_json()[key] for key in told} for row in head.regions]
    scale = {"step": head.step, "least": head.least, "regions": regions, "largest_kept": head.cuts}
    return {"error_scale": scale}


def _input_tests(folders: RunFolders) -> dict[str, Any]:
    """Return the tests of the inputs that a front end may take, where the study learned some."""
    file = folders.input_tests
    return {"input_tests": InputTestNumbers.read(file).to_json()} if file.is_file() else {}


def before_network(kind: StudyKind) -> dict[str, Any]:
    """Return what a front end has to know of the inputs beside their names."""
    found = kind.preparation()
    return {} if found is None else found.document()


def input_unit(kind: StudyKind) -> str:
    """Return the unit of the network's inputs, in words."""
    total, unit = before_network(kind).get("normalised_sum"), kind.words.input_unit
    return unit if total is None else f"{unit} at a sum of {total}"


def board_of_export(study: StudyBase) -> str:
    """Return the board that firmware is written for: its own, else that of the budget."""
    if "board" in study.export.model_fields_set or study.budget.board is None:
        return study.export.board
    return study.budget.board


def _sharing(part: PartRecord) -> dict[str, Any]:
    """Return how the design that fits the part shares its multipliers, for `export_model`."""
    if part.multipliers:
        return {"multipliers": part.multipliers, "dsp_multipliers": part.dsp_multipliers}
    if part.reuse_factors:
        strategy = part.strategy.removeprefix("hls4ml ")
        return {"strategy": strategy, "reuse_factor": part.reuse_factors}
    return {}


def verify_step(study: StudyBase, inputs: NDArray[np.int64], context: StepContext) -> None:
    """Compare every executor on held-out events and on the golden vectors.

    Raises
    ------
    ConfigError
        The test set has fewer vectors than the study wants compared.
    VerificationFailed
        An integer differs.
    """
    wanted = study.verification.held_out_vectors
    if len(inputs) < wanted:
        raise ConfigError(
            f"the test set holds only {len(inputs)} vectors",
            field="verification.held_out_vectors",
            value=wanted,
            remedy="simulate more events, or compare fewer vectors",
        )
    check = RunFolders(context.steps).exported_check
    if check.is_dir():
        verify_export(
            check, extra_inputs=inputs[spread_over(len(inputs), wanted)]
        ).raise_on_failure()
    verification = verify_export(
        RunFolders(context.steps).firmware,
        extra_inputs=inputs[spread_over(len(inputs), wanted)],
    )
    verification.raise_on_failure()
    write_json(context.folder / "verification.json", verification.to_json(timed=False))
    write_text(context.folder / "verification.txt", verification.table(timed=False) + "\n")

"""Firmware written, and every executor of it compared to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.evaluate.spread import spread_over
from pulsefront.files import write_json, write_text
from pulsefront.firmware import export_model, verify_export
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.config import AnyStudy
from pulsefront.studies.parts import read_json
from pulsefront.studies.steps import Context

__all__ = ["FIRMWARE", "export_step", "verify_step"]

OUTPUT_UNITS = {"crystal": "score", "position": "mm", "timing": "ns"}

FIRMWARE = "firmware"
"""Folder of the export within the step's folder."""


def export_step(study: AnyStudy, inputs: NDArray[np.int64], context: Context) -> None:
    """Write the export folder of the searched model.

    Parameters
    ----------
    inputs
        (vector, kept input) integers from the test set, some of which become golden vectors.
    """
    folder = context.done["search"]
    search = read_json(folder / "search.json")
    names = [search["input_names"][i] for i in search["kept_inputs"]]
    provenance: dict[str, Any] = {
        "study": study.name,
        "study_sha256": read_json(context.done["plan"] / "plan.json")["sha256"],
        "training_sha256": read_json(folder / "step.json")["key"],
        "input_names": names,
    }
    model = FixedPointModel.load(folder / "model.json")
    unit = OUTPUT_UNITS[study.kind]
    export_model(
        model,
        context.folder / FIRMWARE,
        targets=study.export.targets,
        board=study.export.board,
        data_vectors=inputs,
        provenance=provenance,
        units={
            **{port.name: "ADC counts" for port in model.inputs},
            **dict.fromkeys(model.outputs, unit),
        },
    )


def verify_step(study: AnyStudy, inputs: NDArray[np.int64], context: Context) -> None:
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
    verification = verify_export(
        context.done["export"] / FIRMWARE, extra_inputs=inputs[spread_over(len(inputs), wanted)]
    )
    verification.raise_on_failure()
    write_json(context.folder / "verification.json", verification.to_json())
    write_text(context.folder / "verification.txt", verification.table() + "\n")

"""What is known of a model: ``provenance.json`` beside it, or that of the run it lies in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pulsefront.files import hash_json
from pulsefront.fixed_point import FixedPointModel

__all__ = ["PROVENANCE", "origin_of"]

PROVENANCE = "provenance.json"
"""Name of the file in an export."""

BESIDE = ("tables", "regions")
"""Steps of a run whose model has an export of its own, that of ``tables_test`` for one."""

STEPS = "steps"
"""Folder of a run whose steps hold models."""

OF_THE_FILES = ("pulsefront_version", "model_sha256", "vectors_sha256")
"""What an export says of its own files, which are not those of another."""


def origin_of(model_file: Path) -> dict[str, Any]:
    """Return what the export of a model says of it, without what is said of that export's files.

    A model in a step of a run, ``RUN/steps/search/model.json``, reads the same charges as the one
    that the run exported. What only holds for the exported one, how its last output foretells the
    error of the others, is left out where the two differ. Empty where nothing is known.
    """
    folder = model_file.parent
    found = _read(folder / PROVENANCE)
    if not found and folder.name in BESIDE and folder.parent.name == STEPS:
        found = _read(folder.parent / f"{folder.name}_test" / "firmware" / PROVENANCE)
    elif not found and folder.parent.name == STEPS:
        found = _read(folder.parent / "export" / "firmware" / PROVENANCE)
        model = FixedPointModel.load(model_file)
        if found.get("model_sha256") != hash_json(model.to_json()):
            found.pop("error_scale", None)
            if len(found.get("input_names", ())) != model.inputs[0].shape[-1]:
                found.pop("input_names", None)
    return {key: value for key, value in found.items() if key not in OF_THE_FILES}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

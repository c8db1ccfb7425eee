"""Initializations whose prices left them different inputs are each asked about their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pulsefront.studies.folders import RunFolders
from pulsefront.studies.work import outputs_of_each
from toys_firmware import mlp
from toys_fixed_point import inputs_of


def test_each_initialization_answers_from_the_inputs_that_it_reads(tmp_path: Path) -> None:
    folders = RunFolders(tmp_path)
    models = [mlp(3, 2, 1), mlp(5, 2, 1)]
    kept = [np.array([0, 2, 4]), np.arange(5)]
    inputs = inputs_of(models[1], 40)
    for number, model in enumerate(models):
        model.save(folders.initializations / f"{number}.json")
    np.savez(
        folders.test_arrays,
        inputs=inputs,
        full=np.zeros((2, 40, 1)),
        kept_inputs=kept[0],
        kept_0=kept[0],
        kept_1=kept[1],
    )
    found = outputs_of_each(folders)
    for number, model in enumerate(models):
        (output,) = model.output_formats.values()
        wanted = output.values(model.run(inputs[:, kept[number]]))
        np.testing.assert_array_equal(found[number], wanted)
    assert np.any(found[0] != found[1])

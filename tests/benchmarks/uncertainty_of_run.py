"""What head_of_run.py and margin_of_run.py share: the files of a run, and what its tests flag."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.uncertainty.records import InputTestRecord


def link_steps(run: Path, out: Path, made_anew: Collection[str]) -> Path:
    """Return the folder of steps in *out*: links to those of *run*, empty ones to be made anew."""
    steps = out / "steps"
    for name in made_anew:
        (steps / name).mkdir(parents=True)
    for folder in (run / "steps").resolve().iterdir():
        if folder.name not in made_anew:
            (steps / folder.name).symlink_to(folder)
    return steps


def final_values(folders: RunFolders, inputs: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return what the final model of each initialization gives: (initialization, event, output)."""
    final = []
    for file in sorted(folders.initializations.iterdir()):
        model = FixedPointModel.load(file)
        (output,) = model.output_formats.values()
        final.append(output.values(model.run(inputs)))
    return np.stack(final)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell_input_tests(tests: InputTestRecord) -> None:
    """Print what the integer tests of the inputs flag, and what they cost."""
    say("; ".join(f"{one.test} flags {one.flagged} of test events" for one in tests.tests))
    say(f"any of them: {tests.any_flagged}")
    for row in tests.caught:
        say(f"    {row.inputs}: {row.by_test} any {row.by_any:.4f}")
    say(f"tests: {tests.ebops} EBOPs, {tests.nonzero_weights} weights")

"""What [uncertainty] would give a finished run: the head, its regions and tests, from its files.

    python tests/benchmarks/head_of_run.py RUN DIR [--quantile 0.5]

RUN is the directory of a finished study without a head, such as out/position_lyso_monolithic; it is
only read. The head and ``event_uncertainty.json`` go to DIR. The same numbers come from `pulsefront
run` of the study with [uncertainty], which trains the network again wherever the package changed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from uncertainty_of_run import final_values, link_steps, say, tell_input_tests

from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.load import load_study
from pulsefront.studies.steps import StepContext
from pulsefront.studies.uncertainty.measure import measure_uncertainty
from pulsefront.studies.uncertainty.records import EventUncertainty
from pulsefront.studies.uncertainty.settings import UncertaintySettings
from pulsefront.studies.uncertainty.step import head_step
from pulsefront.studies.work import BASELINES, held_out_inputs


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--quantile", type=float, default=0.5)
    given = parser.parse_args()
    steps = link_steps(given.run, given.out, ["uncertainty"])
    settings = UncertaintySettings(quantile=given.quantile)
    study = load_study(given.run / "study.toml")[0].model_copy(update={"uncertainty": settings})
    kind = kind_of(study)
    context = StepContext(steps / "uncertainty", given.out, given.run / "cache", steps)
    start = time.process_time()
    head_step(kind, settings, context)
    trained = time.process_time() - start
    folders = RunFolders(steps)
    inputs = held_out_inputs(context)
    final = final_values(folders, inputs)
    rows = BASELINES.validate_json(folders.baselines.read_bytes())
    nothing = {row.name: np.zeros(0) for row in rows}
    found = measure_uncertainty(kind, folders, inputs, final, nothing, settings)
    found.write(given.out / "event_uncertainty.json")
    say(f"{study.name}, seed {study.seed}: head trained in {trained:.0f} s of processor time")
    tell(found)


def tell(found: EventUncertainty) -> None:
    """Print what was found."""
    say(f"{found.head.nodes} nodes beside {found.head.reads}: {found.head.cost}")
    for coverage in found.coverage:
        say(f"inside the {coverage.share:g} region: {coverage.inside}")
        for part in coverage.parts:
            say(f"    {part.part}: {part.inside} of {part.events}")
    for curve in found.curves:
        lowered = f"{curve.of} by {curve.by}: {curve.lowered_percent} %"
        say(f"{lowered}; the head lowers more by {curve.head_lowers_more_percent}")
        say("    " + " ".join(f"{error:.3f}" for error in curve.median_error))
    for tenth in found.said_and_found:
        say(f"said {tenth.said:.3f}, found {tenth.found}")
    tell_input_tests(found.input_tests)


if __name__ == "__main__":
    main()

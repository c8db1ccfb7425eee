"""What [uncertainty] would tell of a finished crystal run: margins, sets, cuts, from its files.

    python tests/benchmarks/margin_of_run.py RUN DIR

RUN is the directory of a finished study, such as out/crystal_lyso_pixels; it is only read. Unmixing
is fitted again, for its confidence. ``margin.json`` and ``class_uncertainty.json`` go to DIR.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from uncertainty_of_run import final_values, link_steps, say, tell_input_tests

from pulsefront.estimators.registry import estimators_for
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.frozen import freeze_estimator
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.crystal import data
from pulsefront.studies.kinds.crystal.kind import CrystalKind
from pulsefront.studies.load import load_study
from pulsefront.studies.steps import StepContext
from pulsefront.studies.uncertainty.class_measure import measure_classes
from pulsefront.studies.uncertainty.class_records import ClassUncertainty
from pulsefront.studies.uncertainty.class_step import margin_step
from pulsefront.studies.uncertainty.settings import UncertaintySettings
from pulsefront.studies.work import BASELINES, held_out_inputs

UNMIXING = "unmixing of pairs"


def main() -> None:
    """Calibrate, measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    steps = link_steps(given.run, given.out, ["uncertainty", "baselines"])
    (steps / "baselines" / "baselines.json").symlink_to(
        (given.run / "steps/baselines/baselines.json").resolve()
    )
    settings = UncertaintySettings()
    study = load_study(given.run / "study.toml")[0].model_copy(update={"uncertainty": settings})
    kind = kind_of(study)
    assert isinstance(kind, CrystalKind)
    folders = RunFolders(steps)
    context = StepContext(steps / "uncertainty", given.out, given.out, steps)
    margin_step(kind, settings, context)
    names = [row.name for row in BASELINES.validate_json(folders.baselines.read_bytes())]
    parts = read_split(folders)
    known = estimators_for
    data.estimators_for = lambda of: tuple(one for one in known(of) if one.name == UNMIXING)
    (unmixing,) = kind.baselines(parts, folders)
    freeze_estimator(unmixing.fitted, folders.frozen_estimator(names.index(UNMIXING)))
    estimates = dict.fromkeys(names, unmixing.estimates)
    inputs = held_out_inputs(context)
    final = final_values(folders, inputs)
    found = measure_classes(kind, folders, inputs, final, estimates, settings)
    found.write(given.out / "class_uncertainty.json")
    say(f"{study.name}, seed {study.seed}")
    tell(found)


def tell(found: ClassUncertainty) -> None:
    """Print what was found."""
    say(f"right: {found.right}")
    for row in found.curves:
        say(f"{row.of} by {row.by}: {row.right_kept} right; the margin more by {row.margin_more}")
        say("    " + " ".join(f"{one:.4f}" for one in row.right))
    for row, held in zip(found.margin.bins, found.bins, strict=True):
        say(f"margin above {row.above}: said {held.said:.4f}, found {held.found} of {held.events}")
    for row, held in zip(found.margin.sets, found.sets, strict=True):
        say(
            f"set for {row.share:g}, within {row.reach}: {held.inside}; {held.mean_classes:.3f} "
            f"classes, {held.alone:.3f} of one"
        )
        for part in held.parts:
            say(f"    {part.part}: {part.inside} of {part.events}")
    for name, cut in found.cuts.items():
        say(f"cut for {name}, {found.margin.cuts[name]}: keeps {cut.kept:.4f}, {cut.right} right")
    tell_input_tests(found.input_tests)


if __name__ == "__main__":
    main()

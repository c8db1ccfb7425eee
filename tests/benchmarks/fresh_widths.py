"""How much wider or narrower one frozen timing network is than another, on events made for that.

``python tests/benchmarks/fresh_widths.py RUN RUN --seed 20261201 --coincidences 200000`` takes two
timing studies of one kind of event, as ``paired_widths.py`` does, of which the search has finished.
It simulates coincidences of a seed that neither study has seen, at the source offsets between those
of training, selects them as the studies do, runs both models on the same ones, and prints the
differences of their widths. ``--keep FILE`` keeps the residuals of every block of coincidences, so
that a run that is stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from paired_widths import Floats, compared

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointModel
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings, simulate_coincidences
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds.timing.data import network_estimate, network_inputs, select_external
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.load import load_study

BLOCK = 20_000
"""Coincidences simulated at once."""


def coincidences(study: TimingStudy, seed: int, count: int, cache: Path) -> EventTable:
    """Return *count* new coincidences that the study selects, at offsets not trained on."""
    settings = study.coincidences or CoincidenceSettings()
    between = settings.offsets_mm[1::2]
    chosen = settings.model_copy(
        update={"offsets_mm": between, "events_per_offset": max(1, count // len(between))}
    )
    made = simulate_coincidences(load_detector(study.detector), chosen, seed, cache=cache)
    return select_external(study, made).events


def residuals_ps(study: TimingStudy, run: Path, events: EventTable) -> Floats:
    """Return what the network of a *run* estimates less the known difference, (coincidence,)."""
    folders = RunFolders(run / "steps")
    model = FixedPointModel.load(folders.model)
    with np.load(folders.of("search") / "test.npz") as arrays:
        kept = arrays["kept_inputs"]
    inputs = network_inputs(study, events)
    inputs = inputs.reshape(-1, inputs.shape[-1])[:, kept].astype(np.int64)
    (output,) = model.output_formats.values()
    found = network_estimate(study, events, output.values(model.run(inputs)))
    return 1000.0 * (found - events["known_difference_ns"])


def study_of(name: str) -> TimingStudy:
    """Return a timing study by name.

    Raises
    ------
    ConfigError
        It is of another kind.
    """
    study, _ = load_study(name)
    if not isinstance(study, TimingStudy):
        raise ConfigError("is no timing study", field="study", value=name)
    return study


def main() -> None:
    """Print the differences on fresh coincidences."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--study", default="timing_lyso_pair")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--coincidences", type=int, default=200_000)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    study = study_of(asked.study)
    blocks: list[Floats] = []
    if asked.keep is not None and asked.keep.exists():
        blocks = list(np.load(asked.keep).values())
    cache = RunFolders(asked.first / "steps").cache
    for number in range(len(blocks), -(-asked.coincidences // BLOCK)):
        events = coincidences(study, asked.seed + number, BLOCK, cache)
        both = [residuals_ps(study, run, events) for run in (asked.first, asked.second)]
        blocks.append(np.stack(both))
        if asked.keep is not None:
            np.savez(asked.keep, *blocks)
        sys.stdout.write(f"{sum(one.shape[1] for one in blocks):,} coincidences selected\n")
        sys.stdout.flush()
    first, second = np.concatenate(blocks, axis=1)
    for one in compared(first, second, replicates=asked.replicates, seed=0):
        sys.stdout.write(f"{one}\n")


if __name__ == "__main__":
    main()

"""How far detectors that no training has seen move the timing network, with and without help.

    python tests/benchmarks/robust_timing.py --seeds 20262064 20262065 20262066 20262067 20262068

For each seed of events and initializations the whole search of the shipped study ends with an
integer network, without ``[augment]`` and with the study's own. Each is measured on the study's own
selection and test events together, and on external sets of 12,000 coincidences at offsets between
those of training; beside them classical estimators tuned on the training events. ``--float`` leaves
out the search. Widths are those that hold the middle share which a Gaussian has within its FWHM;
the FWHM is read from all seeds together.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.estimators.registry import PulseEvents, estimators_for, fit_all
from pulsefront.evaluate.intervals import t_interval
from pulsefront.evaluate.metrics import central_width, fwhm
from pulsefront.events.container import EventTable
from pulsefront.progress import silent
from pulsefront.search import run_ablation
from pulsefront.simulate.coincidences.measurement import simulate_coincidences
from pulsefront.simulate.perturb import NAMED, perturbed
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.timing import data
from pulsefront.studies.kinds.timing.labels import sampling_of
from pulsefront.studies.kinds.timing.others import OtherPairs, simulate_others, with_other_pairs
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.load import load_study
from pulsefront.studies.settings import ExternalSet
from pulsefront.studies.trainings import train_full

OWN = "own events"
EXTERNAL = {
    "10 K warmer": "temperature_shift",
    "15 % less light": "coupling_loss",
    "gains spread by 5 %": "gain_map",
    "noise doubled": "noise",
}
CLASSICAL = ("digital CFD", "two thresholds, walk-corrected", "boosted trees")
Found = dict[str, list[NDArray[np.float64]]]


def main() -> None:
    """Print the tables."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--study", default="timing_lyso_pair")
    asked.add_argument("--seeds", type=int, nargs="+", required=True)
    asked.add_argument("--events", type=int, default=12_000, help="of each external set")
    asked.add_argument("--float", action="store_true", help="leave out the search")
    asked.add_argument("--augment", type=json.loads, help="settings in the place of the study's")
    asked.add_argument("--no-classical", action="store_true")
    asked.add_argument("--specialist", action="store_true", help="trained on 10 K warmer alone")
    asked.add_argument("--cache", type=Path, default=Path("out/robust"))
    given = asked.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    rows = [one_seed(seed, given) for seed in given.seeds]
    sys.stdout.write(table(rows))


def one_seed(seed: int, given: argparse.Namespace) -> dict[str, Found]:
    """Return network or estimator → set → residuals in ps of each initialization."""
    study, _ = load_study(given.study)
    assert isinstance(study, TimingStudy), "a timing study is needed"
    if given.augment is not None:
        changed = {**study.model_dump(), "augment": given.augment}
        study = TimingStudy.model_validate(changed)
    study = study.model_copy(update={"seed": seed})
    parts = data.split(study, data.generate(study, given.cache, given.cache)).parts
    kept = np.concatenate([parts.split.selection, parts.split.test])
    sets = {OWN: parts.events.select(kept)}
    for name, change in EXTERNAL.items():
        chosen = ExternalSet(name=name, perturb=(change,), events=given.events)
        events = data.generate_external(study, chosen, given.cache)
        sets[name] = data.select_external(study, events).events
    task = data.learning_task(study, parts)
    others = with_other_pairs(task, simulate_others(study, parts, given.cache))
    found: dict[str, Found] = {}
    for name, one in (("trained without", task), ("trained with", others)):
        start = time.monotonic()
        found[name] = trained(study, one, sets, given)
        say(f"{seed} {name}: {time.monotonic() - start:.0f} s, {widths(found[name])}")
    if given.specialist:
        found["trained 10 K warmer"] = specialist(study, parts, sets, given)
    if not given.no_classical:
        found |= classical(study, parts, sets)
    return found


def trained(
    study: TimingStudy, task: data.Task, sets: dict[str, EventTable], given: argparse.Namespace
) -> Found:
    """Return the residuals of every initialization on every set."""
    search = study.search

    def residuals(events: EventTable, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1000.0 * (
            data.network_estimate(study, events, outputs) - events["known_difference_ns"]
        )

    inputs = {name: vectors(study, events) for name, events in sets.items()}
    if given.float:
        seeds = [search.seed * 1000 + k for k in range(search.initializations)]
        full = train_full(task, search, seeds)
        return {
            name: [
                residuals(events, task.predict(net, full.scaling, inputs[name]))
                for net in full.networks
            ]
            for name, events in sets.items()
        }
    with ThreadPoolExecutor(1) as executor:
        found = run_ablation(task, search, study.budget, None, silent, executor=executor)
    nodes, samples = found.final_candidates[0].hidden, len(found.kept_inputs)
    say(f"  {nodes} nodes, {samples} samples, {found.final_cost.weight_bytes} bytes")
    (output,) = found.final_models[0].output_formats.values()
    return {
        name: [
            residuals(events, output.values(model.run(inputs[name][:, kept])))
            for model, kept in zip(found.final_models, found.kept_of_each, strict=True)
        ]
        for name, events in sets.items()
    }


def specialist(
    study: TimingStudy, parts: SplitEvents, sets: dict[str, EventTable], given: argparse.Namespace
) -> Found:
    """Return those of the float network that saw the detector of the first external set alone.

    Of as many coincidences at the training offsets: what could be learned if it were known.
    """
    assert study.coincidences is not None, "a study of simulated events is needed"
    trained_at = np.unique(parts.events["offset_index"][parts.split.train])
    offsets = tuple(study.coincidences.offsets_mm[n] for n in trained_at)
    settings = study.coincidences.model_copy(update={"offsets_mm": offsets})
    warm = perturbed(load_detector(study.detector), NAMED["temperature_shift"])
    events = simulate_coincidences(warm, settings, study.seed + 2, cache=given.cache)
    some = data.select_external(study, events).events
    task = data.learning_task(study, parts)
    other = OtherPairs(
        data.network_inputs(study, some),
        data.coarse_ns(study, some),
        some["known_difference_ns"],
        trained_at[some["offset_index"]],
        np.zeros(len(some), np.int64),
    )
    both = with_other_pairs(task, other)
    assert both.others is not None
    alone = replace(both, train=both.others.rows, others=None)
    return trained(study, alone, sets, argparse.Namespace(**{**vars(given), "float": True}))


def vectors(study: TimingStudy, events: EventTable) -> NDArray[np.int64]:
    """Return what networks read of both detectors, (2 · event, sample)."""
    inputs = data.network_inputs(study, events)
    return inputs.reshape(-1, inputs.shape[-1]).astype(np.int64)


def classical(
    study: TimingStudy, parts: SplitEvents, sets: dict[str, EventTable]
) -> dict[str, Found]:
    """Return the residuals of the classical estimators."""
    train = parts.events.select(parts.split.train)
    events = PulseEvents(
        train["waveform_adc"], train["known_difference_ns"], sampling_of(study, train), study.seed
    )
    chosen = tuple(one for one in estimators_for("timing") if one.name in CLASSICAL)
    return {
        name: {
            label: [1000.0 * (fitted.estimate(some["waveform_adc"]) - some["known_difference_ns"])]
            for label, some in sets.items()
        }
        for name, fitted in fit_all(chosen, events).items()
    }


def width(residuals: list[NDArray[np.float64]]) -> float:
    """Return the mean central width in ps over initializations."""
    return float(np.mean([central_width(one[np.isfinite(one)]) for one in residuals]))


def widths(found: Found) -> str:
    """Return the central widths in words."""
    return ", ".join(f"{name} {width(one):.1f}" for name, one in found.items())


def table(rows: list[dict[str, Found]]) -> str:
    """Return the mean over seeds and initializations, and how far each set lies from the own."""
    names = list(rows[0])
    lines = [f"| central width, FWHM (ps) | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for label in (OWN, *EXTERNAL):
        cells = []
        for name in names:
            values = [width(row[name][label]) for row in rows]
            more = [100 * (width(row[name][label]) / width(row[name][OWN]) - 1) for row in rows]
            spread = f" [{_ends(more)}]" if len(rows) > 1 else ""
            together = np.concatenate(
                [one - np.median(one) for row in rows for one in row[name][label]]
            )
            read = fwhm(together[np.isfinite(together)], None)
            cells.append(f"{np.mean(values):.1f}, {read:.0f} ({np.mean(more):+.1f} %{spread})")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    if len(rows) > 1:
        change = [
            100 * (width(row["trained with"][OWN]) / width(row["trained without"][OWN]) - 1)
            for row in rows
        ]
        told = f"{np.mean(change):+.1f} % [{_ends(change)}]"
        lines.append(f"\ntrained with against without, own events: {told}")
    return "\n".join(lines) + "\n"


def _ends(values: list[float]) -> str:
    """Return the ends of the interval of the mean over seeds."""
    found = t_interval(values)
    return f"{found.low:+.1f}, {found.high:+.1f}"


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

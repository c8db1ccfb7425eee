"""How far detectors that no training has seen move the position network, with and without help.

    python tests/benchmarks/robust_position.py --seeds 20261144 20261145 20261146 --events 400

The float network of the shipped study is trained four times for each seed of events and
initializations: on charges as they are, on charges brought to one sum, on other detectors
(``[augment]``), and both. All else is the shipped study's but the number of events for each
training position. Each is measured on the study's own test events and on external sets: those of
the shipped study, 15 % less light, and one dead channel, another in every event.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import load_detector
from pulsefront.estimators.registry import ChargeEvents, estimators_for, fit_all
from pulsefront.evaluate.metrics import euclidean_error
from pulsefront.events.container import EventTable
from pulsefront.progress import silent
from pulsefront.simulate.augment import AugmentSettings, with_dead_channels
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.kinds.position.data import labels_mm, truth_mm
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.load import load_study
from pulsefront.studies.settings import ExternalSet
from pulsefront.studies.trainings import train_full

OWN = "own test set"
DEAD = "one dead channel"
RANGES = {
    "gain_spread": 0.05,
    "light": (0.8, 1.0),
    "temperature_shift_k": (-10.0, 10.0),
    "noise_scale": (1.0, 2.0),
    "dead_channels": 1,
}
SUM = 8192
NETWORKS = {
    "as they are": (None, None),
    "normalised": (SUM, None),
    "augmented": (None, RANGES),
    "both": (SUM, RANGES),
}


def main() -> None:
    """Print the tables and write the figures."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", type=int, nargs="+", default=[20261144, 20261145, 20261146])
    asked.add_argument("--events", type=int, default=400, help="for each training position")
    asked.add_argument("--fold", choices=("none", "square"), default="square", help="of the events")
    asked.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    asked.add_argument("--likelihood", action="store_true")
    asked.add_argument("--cache", type=Path, default=Path("out/robust"))
    given = asked.parse_args()
    rows = [one_seed(seed, given) for seed in given.seeds]
    given.cache.mkdir(parents=True, exist_ok=True)
    (given.cache / "robust_position.json").write_text(json.dumps(rows, indent=1))
    sys.stdout.write(table(rows))


def one_seed(seed: int, given: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Return network → set → median error in mm of each initialization."""
    study, cache = study_of(seed, given.events, given.fold), given.cache
    kind = kind_of(study)
    folder = cache / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    found = kind.split(kind.generate(cache, folder))
    folders = RunFolders(folder)
    folders.split.parent.mkdir(parents=True, exist_ok=True)
    found.record.write(folders.split)
    sets = test_sets(study, found.parts, cache)
    told: dict[str, dict[str, list[float]]] = {}
    for name in given.networks:
        total, ranges = NETWORKS[name]
        chosen = study.model_copy(
            update={
                "events": study.events.model_copy(update={"normalised_sum": total}),
                "augment": None if ranges is None else AugmentSettings(**ranges),
            }
        )
        one = kind_of(chosen)
        task = one.learning_task(found.parts, folders)
        start = time.monotonic()
        trained = train_full(task, study.search, [seed * 1000 + k for k in range(3)])
        told[name] = {
            label: [
                median(one.estimates_of(some, outputs), some)
                for outputs in (
                    task.predict(net, trained.scaling, one.network_inputs(some))
                    for net in trained.networks
                )
            ]
            for label, some in sets.items()
        }
        say(f"{seed} {name}: {time.monotonic() - start:.0f} s, {told[name]}")
    if given.likelihood:
        fitted = likelihood_of(study, found.parts)
        told["likelihood"] = {
            label: [median(fitted.estimate(some["charge_adc"]), some)]
            for label, some in sets.items()
        }
        say(f"{seed} likelihood: {told['likelihood']}")
    return told


def study_of(seed: int, events: int, fold: str) -> PositionStudy:
    """Return the shipped study with another seed and as many *events* for a position."""
    study, _ = load_study("position_lyso_monolithic")
    assert isinstance(study, PositionStudy)
    assert study.scan is not None
    scan = study.scan.model_copy(update={"events_even_even": events, "events_odd_odd": 30})
    as_they_are = study.events.model_copy(update={"normalised_sum": None, "fold": fold})
    changed = {"seed": seed, "scan": scan, "events": as_they_are, "augment": None}
    return study.model_copy(update=changed)


def test_sets(study: PositionStudy, parts: SplitEvents, cache: Path) -> dict[str, EventTable]:
    """Return every set of test events by name."""
    kind = kind_of(study)
    sets = {OWN: parts.test}
    dimmer = ExternalSet(name="15 % less light", perturb=("coupling_loss",))
    for chosen in (*study.external, dimmer):
        sets[chosen.name] = kind.select_external(kind.generate_external(chosen, cache)).events
    charges = parts.test["charge_adc"]
    random = np.random.default_rng(study.seed)
    one = with_dead_channels(charges, 1, random)
    silenced = (one != charges).any(axis=1)
    dead = parts.test.with_columns({"charge_adc": one}, {})
    sets[DEAD] = dead.select(silenced)
    return sets


def likelihood_of(study: PositionStudy, parts: SplitEvents):
    """Return the maximum-likelihood estimator, tuned as the study tunes it."""
    detector = load_detector(study.detector)
    charges, labels = parts.events["charge_adc"], labels_mm(study, parts.events)
    half_x, half_y, depth = (size / 2 for size in detector.crystal.size_mm)
    train, selection = parts.split.train, parts.split.selection
    data = ChargeEvents(
        charges[train], labels[train], charges[selection], labels[selection],
        detector.sensors.centres_mm,
        ((-half_x, half_x), (-half_y, half_y), (0.0, 2 * depth)),
        0.0,  # attenuation, which matters only where no depth is known
        study.baselines.knn_references, study.baselines.knn_selection, study.seed,
    )  # fmt: skip
    chosen = [one for one in estimators_for("position") if one.iterates]
    return next(iter(fit_all(chosen, data, silent).values()))


def median(position_mm: NDArray[np.generic], events: EventTable) -> float:
    """Return the median distance from the first interaction in three dimensions, mm."""
    return float(np.median(euclidean_error(position_mm - truth_mm(events))))


def table(rows: list[dict[str, dict[str, list[float]]]]) -> str:
    """Return the mean over seeds and initializations, and how far each set lies from the own."""
    names, sets = list(rows[0]), list(next(iter(rows[0].values())))
    lines = [f"| median error (mm) | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for label in sets:
        cells = []
        for name in names:
            values = [np.mean(row[name][label]) for row in rows]
            own = [np.mean(row[name][OWN]) for row in rows]
            more = 100 * (np.mean(values) / np.mean(own) - 1)
            span = f"{min(values):.3f} to {max(values):.3f}"
            cells.append(f"{np.mean(values):.3f} ({span}; {more:+.1f} %)")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Learned widths against other ways to a small network, on the shipped tasks.

Every method gets the processor time of one thread that this package's own front takes, the same
events, loss and split, and for each seed other events. Fronts are chosen on selection events and
reported on test events that nothing saw, all costs counted by one code; HGQ2's networks come
through `pulsefront.imports`. Look-up tables are alkaid's count.

What is measured is set by the environment:

- ``PULSEFRONT_SEEDS``: repetitions, three by default, and ``PULSEFRONT_FIRST_SEED``: the number of
  the first, 1 by default;
- ``PULSEFRONT_SHARE``: share of the events that are simulated, 1 by default;
- ``PULSEFRONT_SECONDS``: processor time of each method; by default that of the study's own epochs;
- ``PULSEFRONT_METHODS``: some of the methods, by commas;
- ``PULSEFRONT_CACHE``: folder that keeps events, light maps, the networks of the fronts and what
  other methods have found, so that a run that was stopped goes on;
- ``PULSEFRONT_PICTURES``: folder for pictures of the first seed's fronts.

A minute's version of either task, and the whole:

    PULSEFRONT_SEEDS=1 PULSEFRONT_SHARE=0.1 PULSEFRONT_SECONDS=8 pytest -s \
        tests/benchmarks/test_search_shipped.py -k timing
    pytest -s tests/benchmarks/test_search_shipped.py
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from front_figure import pareto_fronts
from fronts import cost_at, front_of, hypervolume, mean_interval
from hgq_front import hgq_front
from shipped_methods import (
    FloatStart,
    float_start,
    learned_widths,
    magnitude_pruning,
    nsga2,
    random_search,
)
from shipped_task import Point, ShippedTask, shipped_task

from alkaid_fixed_point import alkaid_logic
from pulsefront.networks.training import repeatable

OURS, HGQ2 = "learned widths (this package)", "HGQ2"
FLOAT_SHARE = 0.25
"""Of the time that is set, what the float network gets; else the study's epochs say."""
REACH = 0.1
"""The corner of the hypervolume lies at the full float network's test error, and so much more."""
GATE = {"position": (0.96, 0.97, 0.98, 1.0, 1.02, 1.05)}
"""Test medians in mm between which HGQ2's front is to be passed, on folded events."""
STUDIES = {"position": "position_lyso_learned_bits", "timing": "timing_lyso_pair_learned_bits"}
COSTS: Mapping[str, Callable[[Point], float]] = {
    "EBOPs": lambda one: one.ebops,
    "bytes": lambda one: one.weight_bytes,
}

Method = Callable[[ShippedTask, FloatStart, int, float], list[Point]]

METHODS: dict[str, Method] = {
    HGQ2: lambda given, start, seed, seconds: hgq_front(
        given, start.network, seed, seconds - start.seconds
    ),
    "magnitude pruning": magnitude_pruning,
    "Optuna NSGA-II": lambda given, _, seed, seconds: nsga2(given, seed, seconds),
    "random search": lambda given, _, seed, seconds: random_search(given, seed, seconds),
}
NEEDED = {HGQ2: ("hgq", "jax"), "Optuna NSGA-II": ("optuna",)}


def chosen_methods() -> dict[str, Method]:
    """Return the methods that are asked for and installed."""
    asked = os.environ.get("PULSEFRONT_METHODS")
    names = list(METHODS) if asked is None else [one.strip() for one in asked.split(",")]
    absent = []
    for name in names:
        for package in NEEDED.get(name, ()):
            if find_spec(package) is None:
                print(f"{package} is not installed: {name} is left out")  # noqa: T201
                absent.append(name)
    return {name: METHODS[name] for name in names if name not in absent}


def one_seed(kind: str, seed: int, stored: Path) -> tuple[ShippedTask, FloatStart, dict]:
    """Return the task, its full float network and what every method finds for one seed."""
    share = float(os.environ.get("PULSEFRONT_SHARE", "1"))
    given = shipped_task(STUDIES[kind], seed, share, stored)
    asked = os.environ.get("PULSEFRONT_SECONDS")
    seconds = None if asked is None else float(asked)
    start = float_start(given, seed, None if seconds is None else FLOAT_SHARE * seconds)
    print(  # noqa: T201
        f"\n{kind}, seed {seed}: {len(given.data):,} training, {len(given.task.selection):,} "
        f"selection, {len(given.parts.split.test):,} test events; float network "
        f"{start.test:.4g} {given.unit} in {start.seconds:.0f} s"
    )
    found: dict[str, list[Point]] = {}
    begin = time.process_time()
    found[OURS] = learned_widths(given, start, seed, seconds)
    taken = start.seconds + time.process_time() - begin
    tell(OURS, found[OURS], given, taken)
    for name, method in chosen_methods().items():
        kept = stored / f"{kind}_{seed}_{name.split()[-1]}_{share:g}_{asked}.pickle"
        if kept.exists():  # of a run that was stopped
            found[name] = pickle.loads(kept.read_bytes())
            tell(name, found[name], given, 0.0)
            continue
        begin = time.process_time()
        found[name] = method(given, start, seed, taken)
        own = time.process_time() - begin
        kept.write_bytes(pickle.dumps(found[name]))
        charged = own + (start.seconds if name in (HGQ2, "magnitude pruning") else 0)
        tell(name, found[name], given, charged)
    return given, start, found


def tell(name: str, points: Sequence[Point], given: ShippedTask, seconds: float) -> None:
    """Print the front of a method."""
    print(f"{name}: {len(points)} networks in {seconds:.0f} s of processor time")  # noqa: T201
    for place in front_of(points, COSTS["EBOPs"]):
        one = points[place]
        print(  # noqa: T201
            f"  {one.ebops:9,} EBOPs {one.weight_bytes:7,} bytes {one.nonzero_weights:6,} weights"
            f"  selection {one.selection:.4g}  test {one.test:.4g} {given.unit}",
            flush=True,
        )


@cache
def luts_of(one: Point) -> float:
    """Return alkaid's count of look-up tables, and print it once."""
    found = float(alkaid_logic(one.model).cost)
    print(f"  {one.ebops:9,} EBOPs, {one.test:.4g}: {found:,.0f} LUT", flush=True)  # noqa: T201
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Keras and HGQ2 about their own code
@pytest.mark.parametrize("kind", STUDIES)
def test_the_fronts_of_the_shipped_tasks(kind: str, tmp_path: Path) -> None:
    stored = Path(os.environ.get("PULSEFRONT_CACHE", str(tmp_path)))
    first = int(os.environ.get("PULSEFRONT_FIRST_SEED", "1"))
    seeds = range(first, first + int(os.environ.get("PULSEFRONT_SEEDS", "3")))
    volumes: dict[str, dict[str, list[float]]] = {cost: {} for cost in COSTS}
    ratios: dict[tuple[str, float], list[float]] = {}
    for seed in seeds:
        with repeatable():
            given, start, found = one_seed(kind, seed, stored)
        full = found[OURS][0]  # before any price
        corner = start.test * (1.0 + REACH)
        keep(found, stored / f"{kind}_{seed}")
        for cost, of in COSTS.items():
            whole = of(full) * REACH * start.test
            for name, points in found.items():
                share = hypervolume(points, of, of(full), corner) / whole
                volumes[cost].setdefault(name, []).append(share)
                print(f"hypervolume in {cost}, {name}: {share:.3f}", flush=True)  # noqa: T201
        if seed == seeds[0]:
            draw(kind, found, given.unit)
        if HGQ2 in found:
            beside(found[OURS], found[HGQ2], gate_errors(given, found), ratios)
    report(volumes, ratios, len(seeds))
    # Figures are the result: in a short run another method may have nothing within reach.
    for cost, by_method in volumes.items():
        assert max(by_method[OURS]) > 0.0, f"no network within reach in {cost}"


def keep(found: Mapping[str, Sequence[Point]], folder: Path) -> None:
    """Write the networks of every front, for whoever wants to look at them."""
    for name, points in found.items():
        where = folder / name.split()[0].rstrip(",")
        where.mkdir(parents=True, exist_ok=True)
        for number, place in enumerate(front_of(points, COSTS["EBOPs"])):
            points[place].model.save(where / f"{number:02d}.json")


def gate_errors(given: ShippedTask, found: Mapping[str, Sequence[Point]]) -> Sequence[float]:
    """Return the errors at which two fronts are compared."""
    if given.unit == "mm":
        return GATE["position"]
    best = min(one.test for one in found[HGQ2])
    return tuple(round(best * factor, 1) for factor in (1.01, 1.02, 1.05, 1.1))


def beside(
    ours: Sequence[Point],
    others: Sequence[Point],
    errors: Sequence[float],
    ratios: dict[tuple[str, float], list[float]],
) -> None:
    """Print both fronts' costs at equal test errors, and keep their ratios."""
    for cost, of in {**COSTS, "LUT": luts_of}.items():
        for error in errors:
            a, b = (cost_at(near(points, cost, errors), of, error) for points in (ours, others))
            words = [f"{one:,.0f}" if one is not None else "not reached" for one in (a, b)]
            print(f"  at {error:g}: {cost} {words[0]}, HGQ2 {words[1]}", flush=True)  # noqa: T201
            if a is not None and b is not None:
                ratios.setdefault((cost, error), []).append(b / a)


def near(points: Sequence[Point], cost: str, errors: Sequence[float]) -> Sequence[Point]:
    """Return the points whose *cost* is asked for.

    Look-up tables, which take minutes to count, are those of the front of EBOPs between *errors*
    and of the next point on either side.
    """
    if cost != "LUT":
        return points
    front = [points[place] for place in front_of(points, COSTS["EBOPs"])]
    inside = [n for n, one in enumerate(front) if min(errors) <= one.test <= max(errors)]
    return front[max(0, inside[0] - 1) : inside[-1] + 2] if inside else front[:1]


def report(
    volumes: Mapping[str, Mapping[str, Sequence[float]]],
    ratios: Mapping[tuple[str, float], Sequence[float]],
    seeds: int,
) -> None:
    """Print hypervolumes and ratios with their intervals over the seeds."""
    print(f"over {seeds} seeds, 90 % t intervals; hypervolume as share of the rectangle")  # noqa: T201
    for cost, by_method in volumes.items():
        for name, shares in by_method.items():
            gain = np.array(by_method[OURS]) - np.array(shares)
            paired = "" if name == OURS else f"; ours − it {mean_interval(gain.tolist())}"
            print(f"  {cost}, {name}: {mean_interval(shares)}{paired}")  # noqa: T201
    for (cost, error), values in ratios.items():
        logs = mean_interval(np.log(values).tolist())
        low, mean, high = np.exp([logs.low, logs.mean, logs.high])
        print(  # noqa: T201
            f"  at {error:g}, {cost}: HGQ2 / ours {mean:.2f} [{low:.2f}, {high:.2f}], "
            f"{len(values)} seeds"
        )


def draw(kind: str, found: Mapping[str, Sequence[Point]], unit: str) -> None:
    """Write the fronts of one seed as pictures, where a folder for pictures is named."""
    folder = os.environ.get("PULSEFRONT_PICTURES")
    if folder is None:
        return
    for cost, of in COSTS.items():
        best = min(one.test for points in found.values() for one in points)
        figure = pareto_fronts(
            {
                name: ([of(one) for one in points], [one.test for one in points])
                for name, points in found.items()
            },
            cost_label=cost if cost != "bytes" else "bytes of weights",
            label=f"{'median error' if unit == 'mm' else 'central width'} on test events ({unit})",
            fronts={name: front_of(points, of) for name, points in found.items()},
            limits=(0.98 * best, 1.35 * best),
        )
        path = Path(folder) / f"fronts_{kind}_{cost.lower()}.png"
        figure.savefig(path, dpi=160, facecolor="white")

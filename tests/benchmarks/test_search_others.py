"""The ablation search against other ways to a small network, on a toy, at equal CPU time.

The shipped tasks, where widths are learned, are those of ``test_search_shipped.py``.

Every method gets the CPU seconds that the ablation took (full training included), trains through
the same batched code with three initializations, and is judged by the hypervolume of its front of
a cost against resolution on a test set that no method saw, within the margin: the area between
the front and the corner (cost of the full quantized network, full float network's figure
× (1 + margin)) in units of (that cost) × (margin × that figure). It passes one where the front
has points that beat the full float network. The cost is weight bytes, which all methods try to
save; effective bit operations are told as well.

Run it alone with output, and draw the picture of the README:

    PULSEFRONT_PICTURES=sim_data/pictures pytest -s tests/benchmarks/test_search_others.py
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
from front_figure import pareto_fronts
from fronts import front_of, hypervolume
from scipy.stats import t as student
from search_methods import (
    MARGIN,
    Point,
    Problem,
    ablation,
    ebops_regularization,
    magnitude_pruning,
    nsga2,
    problem,
    random_search,
)

from pulsefront.networks.training import repeatable

SEEDS = (1, 2, 3, 4, 5)
COSTS = {"weight_bytes": "weight bytes", "ebops": "EBOPs"}
PICTURES = {"weight_bytes": "fronts.png", "ebops": "fronts_ebops.png"}
ABLATION = "ablation (this package)"

METHODS: dict[str, Callable[[Problem, int, float], list[Point]]] = {
    "random search": random_search,
    "Optuna NSGA-II": nsga2,
    "magnitude pruning, uniform bits": magnitude_pruning,
    "EBOPs regularization": ebops_regularization,
}

if find_spec("optuna") is None:
    del METHODS["Optuna NSGA-II"]
    print("Optuna is not installed: the ablation is not compared with NSGA-II")  # noqa: T201


def volume(points: Sequence[Point], cost: str, full_cost: float, full_figure: float) -> float:
    """Return the area under the front's corner, in units of the cost times the margin."""
    corner = full_figure * (1.0 + MARGIN)
    area = hypervolume(points, attrgetter(cost), full_cost, corner)
    return area / (full_cost * MARGIN * full_figure)


@pytest.mark.slow
def test_the_front_of_the_ablation_is_at_least_as_good_at_equal_cpu_time(tmp_path: Path) -> None:
    volumes: dict[str, dict[str, list[float]]] = {
        cost: {name: [] for name in (ABLATION, *METHODS)} for cost in COSTS
    }
    for seed in SEEDS:
        given = problem(seed)
        with repeatable():
            path, full_figure, seconds = ablation(given, seed, tmp_path / str(seed))
            found = {ABLATION: path}
            for name, method in METHODS.items():
                found[name] = method(given, seed, seconds)
        for cost, by_method in volumes.items():
            for name, points in found.items():
                found_here = volume(points, cost, getattr(path[0], cost), full_figure)
                by_method[name].append(found_here)
        told = [
            f"{name} {volumes['weight_bytes'][name][-1]:.3f} ({len(points)} judged)"
            for name, points in found.items()
        ]
        print(f"\nseed {seed}, {seconds:.1f} CPU s each: {'; '.join(told)}")  # noqa: T201
        if seed == SEEDS[0]:
            draw(found, full_figure)
    for cost, words in COSTS.items():
        for name in METHODS:
            gain = np.array(volumes[cost][ABLATION]) - np.array(volumes[cost][name])
            half = float(student.ppf(0.95, len(gain) - 1)) * gain.std(ddof=1) / np.sqrt(len(gain))
            low, high = gain.mean() - half, gain.mean() + half
            print(  # noqa: T201
                f"{words}: ablation − {name}: {gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
            )
            if cost == "weight_bytes":
                assert high >= 0.0, f"{name} is better"


def draw(found: dict[str, list[Point]], full_figure: float) -> None:
    """Write the fronts of one seed as pictures, where a folder for pictures is named."""
    folder = os.environ.get("PULSEFRONT_PICTURES")
    if folder is None:
        return
    for cost, words in COSTS.items():
        points = {
            name: (
                [getattr(point, cost) for point in tried],
                [100.0 * (point.test / full_figure - 1.0) for point in tried],
            )
            for name, tried in found.items()
        }
        figure = pareto_fronts(
            points,
            cost_label=words,
            label="test width against the full float network (%)",
            fronts={name: front_of(tried, attrgetter(cost)) for name, tried in found.items()},
            limits=(-4.0, 30.0),
            limit=100.0 * MARGIN,
        )
        figure.savefig(Path(folder) / PICTURES[cost], dpi=160, facecolor="white")
